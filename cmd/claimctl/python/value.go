package python

import "strings"

// parser reads literals from tokens.
type parser struct {
	tokens []token
	at     int
}

// literal reads all of the tokens as one literal; several with commas between them are a tuple.
func literal(tokens []token) (*Value, bool) {
	p := &parser{tokens: tokens}
	items, comma, ok := p.series("")
	if !ok || p.at != len(tokens) || len(items) == 0 {
		return nil, false
	}
	if !comma {
		return &items[0], true
	}
	return &Value{Kind: Tuple, Items: items, Line: items[0].Line}, true
}

func (p *parser) accept(op string) bool {
	if p.at < len(p.tokens) && p.tokens[p.at].is(op) {
		p.at++
		return true
	}
	return false
}

// ended reports whether the closing bracket stands here, or the end of the tokens for "".
func (p *parser) ended(closing string) bool {
	if closing == "" {
		return p.at == len(p.tokens)
	}
	return p.accept(closing)
}

// series reads values with commas between them, one of which may stand after the last, up to the closing bracket.
func (p *parser) series(closing string) (items []Value, comma, ok bool) {
	for !p.ended(closing) {
		if len(items) > 0 && !comma {
			return nil, false, false
		}
		item, ok := p.value()
		if !ok {
			return nil, false, false
		}
		items = append(items, item)
		if !p.accept(",") {
			return items, len(items) > 1, p.ended(closing)
		}
		comma = true
	}
	return items, comma, true
}

// value reads one value. The scanner bounds how deep it goes.
func (p *parser) value() (Value, bool) {
	if p.at >= len(p.tokens) {
		return Value{}, false
	}
	t := p.tokens[p.at]
	switch {
	case t.kind == text:
		return p.text()
	case t.kind == number, t.is("-"), t.is("+"):
		return p.number()
	case t.kind == word:
		p.at++
		v := Value{Kind: Bool, True: t.text == "True", Line: t.line}
		if t.text == "None" {
			v.Kind = None
		}
		return v, t.text == "True" || t.text == "False" || t.text == "None"
	}
	p.at++
	switch t.text {
	case "(":
		items, comma, ok := p.series(")")
		if ok && len(items) == 1 && !comma {
			return items[0], true
		}
		return Value{Kind: Tuple, Items: items, Line: t.line}, ok
	case "[":
		items, _, ok := p.series("]")
		return Value{Kind: List, Items: items, Line: t.line}, ok
	case "{":
		return p.braces(t.line)
	}
	return Value{}, false
}

// text reads one text, of which the parts may stand side by side.
func (p *parser) text() (Value, bool) {
	v := Value{Kind: Text, Line: p.tokens[p.at].line}
	var whole strings.Builder
	for p.at < len(p.tokens) && p.tokens[p.at].kind == text {
		if p.tokens[p.at].flaw != "" {
			return Value{}, false
		}
		whole.WriteString(p.tokens[p.at].value)
		p.at++
	}
	v.Text = whole.String()
	return v, true
}

func (p *parser) number() (Value, bool) {
	v := Value{Kind: Number, Line: p.tokens[p.at].line}
	if p.tokens[p.at].kind == operator {
		v.Text = strings.TrimPrefix(p.tokens[p.at].text, "+")
		p.at++
	}
	if p.at >= len(p.tokens) || p.tokens[p.at].kind != number || !isNumber(p.tokens[p.at].text) {
		return Value{}, false
	}
	v.Text += p.tokens[p.at].text
	p.at++
	return v, true
}

// braces reads a dict or a set; {} is a dict.
func (p *parser) braces(line int) (Value, bool) {
	v := Value{Kind: Dict, Line: line}
	for !p.accept("}") {
		item, ok := p.value()
		if !ok {
			return Value{}, false
		}
		isDict := p.accept(":")
		if len(v.Items) == 0 && !isDict {
			v.Kind = Set
		}
		if isDict != (v.Kind == Dict) {
			return Value{}, false
		}
		v.Items = append(v.Items, item)
		if isDict {
			if item, ok = p.value(); !ok {
				return Value{}, false
			}
			v.Items = append(v.Items, item)
		}
		if !p.accept(",") {
			return v, p.accept("}")
		}
	}
	return v, true
}

// isNumber reports whether a text is an integer or a floating point number of Python, without a sign.
func isNumber(written string) bool {
	digits := strings.ToLower(written)
	for _, based := range [][2]string{{"0x", "0123456789abcdef"}, {"0o", "01234567"}, {"0b", "01"}} {
		if rest, ok := strings.CutPrefix(digits, based[0]); ok {
			return isDigits(strings.TrimPrefix(rest, "_"), based[1])
		}
	}
	const decimal = "0123456789"
	mantissa, exponent, hasExponent := strings.Cut(digits, "e")
	whole, fraction, hasFraction := strings.Cut(mantissa, ".")
	if !hasExponent && !hasFraction {
		return isDigits(whole, decimal) && (whole[0] != '0' || strings.Trim(whole, "0_") == "") // 017 is no number
	}
	if hasExponent && !isDigits(strings.TrimLeft(exponent[:min(1, len(exponent))], "+-")+exponent[min(1, len(exponent)):], decimal) {
		return false
	}
	return (whole != "" || fraction != "") && (whole == "" || isDigits(whole, decimal)) && (fraction == "" || isDigits(fraction, decimal))
}

// isDigits reports whether a text is digits, with a single _ between two of them at most.
func isDigits(text, allowed string) bool {
	for part := range strings.SplitSeq(text, "_") {
		if part == "" || strings.Trim(part, allowed) != "" {
			return false
		}
	}
	return true
}

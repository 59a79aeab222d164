package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mutant is one broken place: the bytes from..to of a file are replaced.
type mutant struct {
	file     string
	function string
	from, to int
	with     string
	was, is  string // the piece of code that shows it, in one line
	twin     int    // tells this one from equal ones in the function, in their order; 0 is the first
}

// String is the same as long as the function says the same there, whatever stands above it.
func (m mutant) String() string {
	text := fmt.Sprintf("%s: %s: %s -> %s", m.file, m.function, m.was, m.is)
	if m.twin > 0 {
		text += fmt.Sprintf(" (%d)", m.twin+1)
	}
	return text
}

// mutantsOf gives all mutants of the package in a folder, in the order of files and lines.
func mutantsOf(folder string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		b := breaker{file: path, source: source, place: files.File(parsed.Pos()), whole: map[ast.Expr]bool{}}
		for _, declaration := range parsed.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Body != nil {
				b.function = nameOf(function)
				ast.Inspect(function.Body, b.visit)
			}
		}
		all = append(all, b.mutants...)
	}
	seen := map[string]int{}
	for i := range all {
		text := all[i].String()
		all[i].twin = seen[text]
		seen[text]++
	}
	return all, nil
}

func nameOf(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return function.Name.Name
	}
	receiver := function.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "." + function.Name.Name
	}
	return function.Name.Name
}

// breaker gathers the mutants of one file.
type breaker struct {
	file, function string
	source         []byte
	place          *token.File
	whole          map[ast.Expr]bool // conditions that are one equality or negation
	mutants        []mutant
}

// swaps are the operators that take one another's place. What a condition that always or never holds shows anyway is
// left out.
var swaps = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	token.AND: token.OR, token.OR: token.AND, token.XOR: token.AND, token.SHL: token.SHR, token.SHR: token.SHL,
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN, token.MUL_ASSIGN: token.QUO_ASSIGN,
	token.OR_ASSIGN: token.AND_ASSIGN, token.AND_ASSIGN: token.OR_ASSIGN, token.SHL_ASSIGN: token.SHR_ASSIGN,
	token.INC: token.DEC, token.DEC: token.INC, token.BREAK: token.CONTINUE, token.CONTINUE: token.BREAK,
}

func (b *breaker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if !b.whole[n] && !(n.Op == token.ADD && holdsText(n)) { // text has no minus
			b.swap(n, n.OpPos, n.Op)
		}
		if n.Op == token.LAND || n.Op == token.LOR { // without either side
			b.replace(n, n, b.text(n.X))
			b.replace(n, n, b.text(n.Y))
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT && !b.whole[n] {
			b.replace(n, n, b.text(n.X))
		}
	case *ast.IncDecStmt:
		b.swap(n, n.TokPos, n.Tok)
	case *ast.BranchStmt:
		if n.Label == nil {
			b.swap(n, n.TokPos, n.Tok)
		}
	case *ast.AssignStmt:
		b.swap(n, n.TokPos, n.Tok)
		if n.Tok != token.DEFINE {
			b.replace(n, n, "_ = 0")
		}
	case *ast.ExprStmt:
		b.replace(n, n, "_ = 0")
	case *ast.DeferStmt:
		b.replace(n, n, "_ = 0")
	case *ast.IfStmt:
		b.condition(n.Cond)
	case *ast.SwitchStmt:
		b.cases(n)
	case *ast.Ident:
		if n.Name == "true" {
			b.replace(n, n, "false")
		} else if n.Name == "false" {
			b.replace(n, n, "true")
		}
	case *ast.BasicLit:
		if value, err := strconv.ParseInt(n.Value, 0, 64); n.Kind == token.INT && err == nil {
			b.replace(n, n, strconv.FormatInt(value+1, 10))
		}
	}
	return true
}

// holdsText reports whether a literal text stands in the expression.
func holdsText(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		found = found || ok && literal.Kind == token.STRING
		return !found
	})
	return found
}

// condition has a condition hold always and never.
func (b *breaker) condition(condition ast.Expr) {
	if comparison, ok := condition.(*ast.BinaryExpr); ok && (comparison.Op == token.EQL || comparison.Op == token.NEQ) {
		b.whole[comparison] = true
	}
	if _, ok := condition.(*ast.UnaryExpr); ok {
		b.whole[condition] = true
	}
	b.replace(condition, condition, "true || "+b.grouped(condition))
	b.replace(condition, condition, "false && "+b.grouped(condition))
}

// cases does the same to those of a switch without a tag, and takes the body of every case away.
func (b *breaker) cases(n *ast.SwitchStmt) {
	for _, statement := range n.Body.List {
		clause, ok := statement.(*ast.CaseClause)
		if !ok {
			continue
		}
		if n.Tag == nil {
			for _, condition := range clause.List {
				b.condition(condition)
			}
		} else if len(clause.List) > 1 {
			for i, value := range clause.List { // one value less
				if i > 0 {
					b.cut(value, clause.List[i-1].End(), value.End())
				}
			}
		}
	}
}

func (b *breaker) swap(n ast.Node, at token.Pos, operator token.Token) {
	other, ok := swaps[operator]
	if !ok {
		return
	}
	from, was := b.place.Offset(at), b.text(n)
	to, inner := from+len(operator.String()), from-b.place.Offset(n.Pos())
	b.add(n, from, to, other.String(), was[:inner]+other.String()+was[inner+len(operator.String()):])
}

// replace puts other code in the place of one node; shown is the node around it that shows what it is about.
func (b *breaker) replace(shown, node ast.Node, with string) {
	b.add(shown, b.place.Offset(node.Pos()), b.place.Offset(node.End()), with, with)
}

// cut takes code away.
func (b *breaker) cut(shown ast.Node, from, to token.Pos) {
	b.add(shown, b.place.Offset(from), b.place.Offset(to), "", "nothing")
}

func (b *breaker) add(shown ast.Node, from, to int, with, is string) {
	b.mutants = append(b.mutants, mutant{file: b.file, function: b.function, from: from, to: to, with: with,
		was: oneLine(b.text(shown)), is: oneLine(is)})
}

func (b *breaker) grouped(n ast.Node) string { return "(" + b.text(n) + ")" }

func (b *breaker) text(n ast.Node) string {
	return string(b.source[b.place.Offset(n.Pos()):b.place.Offset(n.End())])
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

package gatewaytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %v %q", a.status, a.header, a.body) }

// request words one request, byte for byte; the lines are header fields. It closes its connection.
func request(method, target, host, token string, lines ...string) string {
	text := method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n"
	if token != "" {
		text += "Authorization: Bearer " + token + "\r\n"
	}
	for _, line := range lines {
		text += line + "\r\n"
	}
	return text + "\r\n"
}

// speak sends the text and reads one answer. A status of 0 is a connection that was closed without one.
func speak(address, text string, within time.Duration) (answer, error) {
	connection, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return answer{}, err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(connection, text); err != nil && !strings.Contains(err.Error(), "reset") {
		return answer{}, err
	}
	method, _, _ := strings.Cut(text, " ")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	if errors.Is(err, io.ErrUnexpectedEOF) || err != nil && strings.Contains(err.Error(), "reset") {
		return answer{}, nil
	}
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return switched(connection, reader, response)
	}
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// switched sends five bytes on a connection that was switched to another protocol, and reads them back.
func switched(connection net.Conn, reader io.Reader, response *http.Response) (answer, error) {
	if _, err := io.WriteString(connection, "hello"); err != nil {
		return answer{}, err
	}
	echo := make([]byte, 5)
	_, err := io.ReadFull(reader, echo)
	return answer{response.StatusCode, response.Header, string(echo)}, err
}

package cascade

import "sync"

// mailbox brings functions to the goroutine that owns a Node's state. Posting never blocks: the relay's goroutine posts too. It is bounded by
// what posts: peers are limited in messages a second, the relay in changes of sources.
type mailbox struct {
	wake chan struct{} // 1: there is mail

	mu     sync.Mutex
	mail   []func()
	closed bool
}

func (m *mailbox) init() { m.wake = make(chan struct{}, 1) }

// post reports false when nobody will run f.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.mail = append(m.mail, f)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

// take empties the box.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	mail := m.mail
	m.mail = nil
	return mail
}

// close refuses what comes later and returns what was left.
func (m *mailbox) close() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	mail := m.mail
	m.mail = nil
	return mail
}

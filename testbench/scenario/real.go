package scenario

import "errors"

// ErrRoot says what the real pages need.
var ErrRoot = errors.New("network namespaces need root on Linux: sudo tongke bench --real")

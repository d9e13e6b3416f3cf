// Package consoletest tries what the pages' scripts can do without a browser, with node's own test runner.
package consoletest

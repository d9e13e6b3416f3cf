package udp

const sendsBatches = true

package cascade

// SetPlace says in which alliance and on which campus this box stands now; joining a parent changes both. It counts from the next hello
// and announcement on, so it is called before SetParents.
func (n *Node) SetPlace(alliance, campus string) {
	n.box.post(func() { n.cfg.Alliance, n.cfg.Campus = alliance, campus })
}

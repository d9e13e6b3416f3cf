package main

import (
	"net/http"

	"tongke/media/ingest"
	"tongke/signaling/auth"
)

// authorize says who publishes or watches by WHIP and WHEP. What a role may do there stands in the two lists below.
func (d *daemon) authorize(r *http.Request, lesson string, publish bool) (ingest.Grant, error) {
	p, err := d.auth.Who(r, lesson)
	if err != nil || p.Role == auth.Nobody {
		return ingest.Grant{}, ingest.ErrNoToken
	}
	if !d.mayMedia(p, lesson, publish) {
		return ingest.Grant{}, ingest.ErrForbidden
	}
	return ingest.Grant{TokenID: p.TokenID, Name: string(p.Role)}, nil
}

func (d *daemon) mayMedia(p auth.Principal, lesson string, publish bool) bool {
	if p.Lesson != "" && p.Lesson != lesson {
		return false
	}
	switch p.Role {
	case auth.Administrator, auth.Operator:
		return true
	case auth.Publish, auth.Teacher:
		return publish || p.Role == auth.Teacher
	case auth.Watch, auth.Assistant, auth.Inspector:
		return !publish
	case auth.Classroom:
		if publish {
			return false
		}
		l, ok := d.registry.Open(lesson)
		return !ok || d.registry.Visible(l, p.Campus, p.Classroom) // a lesson that is not known yet is asked for, and looked at again
	}
	return false
}

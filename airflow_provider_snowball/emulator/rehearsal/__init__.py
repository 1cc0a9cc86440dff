"""What makes a rehearsal of the API: simulated time, plans, faults, announcements, documents."""

"""`boxship compose`: one file per command or family of commands; the work is done in boxship.front.compose."""

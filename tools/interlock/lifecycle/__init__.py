"""Changes that a person makes: init, register, promote, rollback."""

"""The client's end of `POST /boxship/build`: it gives files, secrets and keys while the daemon builds."""

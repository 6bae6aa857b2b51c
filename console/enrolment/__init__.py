"""The door for programs that ask for certificates, over HTTPS: requests that come at once are one piece of work."""

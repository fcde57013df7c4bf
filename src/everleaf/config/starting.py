"""The file that `config init` writes: everything that most machines need, with comments."""

TEXT = """\
# everleaf: certificates that renew themselves, and are seen to be served.
# Check it with 'everleaf config check', rehearse with 'everleaf run --dry-run'.

# include = ["conf.d/*.toml"]           # one file per certificate

[settings]
# state_dir = "/var/lib/everleaf"       # keys, versions, state; a local file system
# wake_interval = "4h"                  # how often cron starts 'everleaf run'; a timer is asked

# Let's Encrypt; its staging directory is used by --dry-run.
[authorities.letsencrypt]
contact = ["mailto:you@example.org"]
terms_of_service_agreed = false         # read them, then say true: https://letsencrypt.org/repository/

# Answers challenges on port 80 while an authority looks.
[solvers.web]
type = "http-01"
# Where a web server holds port 80, let it serve the response:
# type = "webroot"
# path = "/var/www/html"

# What is tested and reloaded when a certificate changes: nginx, haproxy, or a hook of your own.
[terminators.nginx]
hook = "nginx"

# [alert]                               # told when it starts failing, recovers, or nears its end
# command = ["/usr/local/bin/tell"]
# days = [14, 7, 3, 1]

[defaults]
terminators = ["nginx"]
# key_type = "ecdsa-p256"
# keep_versions = 3
# confirm_every = "6h"

[certificates.www]
names = ["www.example.org", "example.org"]
# endpoints = ["www.example.org:443"]   # where it must be seen; every name on 443 by default
# endpoints = [{ host = "mail.example.org", port = 25, starttls = "smtp" }]
# copies = [{ path = "/etc/haproxy/certs/www.pem", kind = "combined" }]
"""

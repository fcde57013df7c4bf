"""Who speaks which protocol up to the turn to TLS: a table."""

import socket
from collections.abc import Callable, Mapping

from everleaf.core.approach import StartTls
from everleaf.tls.line import ftp, imap, ldap, mysql, pop3, postgres, smtp, xmpp
from everleaf.tls.line.talk import Deadline, Talk

Speaker = Callable[[Talk, str], None]

SPEAKERS: Mapping[StartTls, Speaker] = {
    StartTls.SMTP: smtp.speak,
    StartTls.IMAP: imap.speak,
    StartTls.POP3: pop3.speak,
    StartTls.FTP: ftp.speak,
    StartTls.LDAP: ldap.speak,
    StartTls.XMPP: xmpp.speak,
    StartTls.POSTGRES: postgres.speak,
    StartTls.MYSQL: mysql.speak,
}


def turned(line: socket.socket, protocol: StartTls, server_name: str, deadline: Deadline) -> None:
    """Speak to the server until what follows is TLS.

    Raises:
        LineError: it does not come to that.
        OSError: the connection failed, or the time is over.
    """
    talk = Talk(line, deadline)
    SPEAKERS[protocol](talk, server_name)
    talk.turn()

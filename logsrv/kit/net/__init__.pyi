from logsrv.kit.net._certificates import RenewableCertificate as RenewableCertificate
from logsrv.kit.net._certificates import check_certificate as check_certificate
from logsrv.kit.net._stdin import StdinPort as StdinPort
from logsrv.kit.net.datagrams import DatagramListener as DatagramListener

from logsrv.kit.net.datagrams import DatagramListener as DatagramListener

"""The service manager, such as systemd, that started this process: reports to it, sockets that it keeps."""

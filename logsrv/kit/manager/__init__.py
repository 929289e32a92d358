"""The service manager that started this process, such as systemd: what it is told, and what it keeps."""

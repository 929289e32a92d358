from logsrv.kit.options.toml_file import read_toml_file as read_toml_file

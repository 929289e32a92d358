#!/bin/sh
# peers.sh DIR: rsyslogd, syslog-ng, systemd-journal-upload, …-remote, promtool and Debian's nats-server (under the
# name nats-server-debian, beside that of a wheel) under DIR/bin, as root on Debian.
#
# On Debian only one of the first two can be installed, so both are unpacked into separate directories, and a
# wrapper in DIR/bin sets the paths of its modules and libraries. Nothing is started or configured. Of
# Prometheus only promtool is kept, which needs no other file.
set -e
dir=$1
mkdir -p "$dir/bin" "$dir/packages"
dir=$(cd "$dir" && pwd)

# Print the packages that $1 would install on this machine; install none.
needed() {
    apt-get install --simulate --no-install-recommends "$1" | sed -n 's/^Inst \([^ ]*\).*/\1/p'
}

# unpack PACKAGE [PACKAGE …]: unpack the first with its dependencies, and the others, into $dir/PACKAGE.
unpack() {
    name=$1
    mkdir -p "$dir/$name"
    (
        cd "$dir/packages"
        # shellcheck disable=SC2046,SC2068  # a list of package names
        apt-get download -qq -o APT::Sandbox::User=root $(needed "$name") $@
        for package in *.deb; do dpkg -x "$package" "$dir/$name"; done
        rm -f ./*.deb
    )
}

arch=$(dpkg-architecture -q DEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")

unpack rsyslog rsyslog-gnutls rsyslog-openssl rsyslog-relp librelp0
cat >"$dir/bin/rsyslogd" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH="$dir/rsyslog/usr/lib/$arch:$dir/rsyslog/lib/$arch" exec "$dir/rsyslog/usr/sbin/rsyslogd" -M "$dir/rsyslog/usr/lib/$arch/rsyslog" "\$@"
WRAPPER

unpack systemd-journal-remote libmicrohttpd12
for name in systemd-journal-upload systemd-journal-remote; do
    cat >"$dir/bin/$name" <<WRAPPER
#!/bin/sh
export LD_LIBRARY_PATH="$dir/systemd-journal-remote/usr/lib/$arch"
exec "$dir/systemd-journal-remote/lib/systemd/$name" "\$@"
WRAPPER
    chmod 755 "$dir/bin/$name"
done

unpack syslog-ng-core syslog-ng-mod-http
modules=$(dirname "$(find "$dir/syslog-ng-core" -name libaffile.so | head -n 1)")
cat >"$dir/bin/syslog-ng" <<WRAPPER
#!/bin/sh
export LD_LIBRARY_PATH="$dir/syslog-ng-core/usr/lib/$arch:$dir/syslog-ng-core/lib/$arch:$modules/.."
exec "$dir/syslog-ng-core/usr/sbin/syslog-ng" --module-path="$modules" "\$@"
WRAPPER
chmod 755 "$dir/bin/rsyslogd" "$dir/bin/syslog-ng"

(
    cd "$dir/packages"
    apt-get download -qq -o APT::Sandbox::User=root prometheus
    dpkg --fsys-tarfile prometheus_*.deb | tar -x -O ./usr/bin/promtool >"$dir/bin/promtool"
    apt-get download -qq -o APT::Sandbox::User=root nats-server
    dpkg --fsys-tarfile nats-server_*.deb | tar -x -O ./usr/sbin/nats-server >"$dir/bin/nats-server-debian"
    rm -f ./*.deb
)
chmod 755 "$dir/bin/promtool" "$dir/bin/nats-server-debian"
"$dir/bin/nats-server-debian" --version
"$dir/bin/promtool" --version 2>&1 | head -n 1
"$dir/bin/rsyslogd" -v | head -n 1
"$dir/bin/syslog-ng" --version | head -n 1

"""Messages for a topic of Kafka: JSON objects, whose key is the host of the sender. A target alone."""

from logsrv.linelog.formats.kafka.login import kafka_login_options
from logsrv.linelog.ship.targets.target_plugin import Scheme, TargetPlugin, TargetSettings


class KafkaPlugin(TargetPlugin):
    """The plugin of Kafka."""

    def check_settings(self, settings: TargetSettings) -> None:
        kafka_login_options(settings.url, settings.token)


kafka = KafkaPlugin(
    name="kafka",
    reference="logsrv.linelog.formats.kafka.target:KafkaTarget",
    schemes={"kafka": Scheme(9092), "kafka+tls": Scheme(9093, tls=True)},
    path=r"/(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}",
    without_path="names no topic, such as {server}/logs",
    package="confluent_kafka",
    install="logsrv[kafka]",
    several_hosts=True,
    parameters=("mechanism",),
    exposes="the password",
)

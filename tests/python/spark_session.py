"""A private Spark for tests: its tables and its metastore in a temporary folder, Iceberg's jar from a Python package.

A `Session` runs dbt and SQL in this process, because a Spark takes long to start; `running_server` is a process that
has two more, its executors.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from conftest import PROJECT, DbtError

# What a cluster needs besides its own settings; README names the same.
CATALOG = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.catalog.spark_catalog": "org.apache.iceberg.spark.SparkSessionCatalog",
    "spark.sql.catalog.spark_catalog.type": "hive",
}
# A metastore of one process in a file, which has no locks.
METASTORE = {
    "spark.sql.catalogImplementation": "hive",
    "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
    "spark.hadoop.hive.metastore.schema.verification": "false",
    "spark.hadoop.iceberg.engine.hive.lock-enabled": "false",
}
# Tables of a few rows: what makes large ones fast only costs time here.
SMALL = {
    "spark.master": "local[2]",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.maxPlanStringLength": "1000",
}
# A JVM that lives for minutes compiles no more than it must.
JVM = "-Duser.timezone=UTC -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
LOOPBACK = {"SPARK_LOCAL_IP": "127.0.0.1"}
QUIET = """
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n
"""


def configure(folder: Path, **settings: str) -> Path:
    """Write the configuration of a Spark that keeps everything in a folder; give the folder for SPARK_CONF_DIR."""
    from snowpark_connect_deps_iceberg import get_jar_path

    java = f"{JVM} -Dderby.system.durability=test -Dderby.stream.error.file={folder}/derby.log"
    # Not spark.jars: a Thrift server closes what it loads classes of those from together with the first connection.
    jar = str(get_jar_path("iceberg-spark-runtime-3.5_2.12-1.10.2.jar"))
    places = {
        "spark.driver.extraClassPath": jar,
        "spark.executor.extraClassPath": jar,
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/metastore;create=true",
        "spark.local.dir": str(folder / "scratch"),
        "spark.driver.extraJavaOptions": java,
        "spark.driver.memory": "1500m",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    conf = folder / "conf"
    conf.mkdir(parents=True)
    lines = [f"{name} {value}\n" for name, value in (CATALOG | METASTORE | places | settings).items()]
    (conf / "spark-defaults.conf").write_text("".join(lines))
    (conf / "log4j2.properties").write_text(QUIET)
    return conf


@dataclass
class Session:
    """The one Spark session of this process, and dbt in the same process. The environment must name its settings."""

    folder: Path
    target_paths: dict[str, Path] = field(default_factory=dict)

    @property
    def spark(self) -> Any:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.enableHiveSupport().config("spark.sql.session.timeZone", "UTC")
        return builder.config("spark.sql.ansi.enabled", "true").getOrCreate()

    def dbt(self, *arguments: str, raw_path: Path | None = None) -> None:
        """Run dbt. Raises DbtError."""
        from dbt.cli.main import dbtRunner

        target_path = self.target_paths.setdefault(str(raw_path), self.folder / f"target_{len(self.target_paths)}")
        os.environ.pop("JOURNEY_RAW_PATH", None)
        if raw_path:
            os.environ["JOURNEY_RAW_PATH"] = str(raw_path)
        options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT / "profiles"), "--target", "spark"]
        options += ["--target-path", str(target_path), "--log-path", str(target_path / "logs"), "--quiet"]
        told: list[str] = []

        def note_error(event: Any) -> None:
            if event.info.level == "error":
                told.append(event.info.msg)

        done = dbtRunner(callbacks=[note_error]).invoke([*arguments, *options])
        if not done.success:
            raise DbtError("\n".join([f"dbt {' '.join(arguments)} failed: {done.exception}", *told]))

    def execute(self, sql: str) -> "Result":
        """Run a query as a connection of DuckDB does."""
        return Result(self.spark.sql(sql.replace('"', "`")))

    def start_anew(self) -> None:
        """Drop the raw tables; what was built of them goes with a full refresh."""
        for _, table, is_temporary in self.execute("show tables in raw").fetchall() if self.has_schema("raw") else []:
            if not is_temporary:
                self.spark.sql(f"drop table raw.{table}")

    def has_schema(self, name: str) -> bool:
        return (name,) in self.execute("show schemas").fetchall()


class Result:
    """Rows as DuckDB gives them: a timestamp is in UTC, whatever the zone of this machine is."""

    def __init__(self, rows: Any) -> None:
        self.description = [(name,) for name, _ in rows.dtypes]
        self.is_moment = [kind == "timestamp" for _, kind in rows.dtypes]
        texts = [f"cast(`{name}` as string)" if kind == "timestamp" else f"`{name}`" for name, kind in rows.dtypes]
        self.rows = rows.selectExpr(*texts) if texts else rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [
            tuple(
                datetime.fromisoformat(value) if is_moment and value else value
                for value, is_moment in zip(row, self.is_moment, strict=True)
            )
            for row in self.rows.collect()
        ]


def behind_https(folder: Path, port: int, path: str) -> tuple[dict[str, str], Path]:
    """Settings of a Thrift server that speaks HTTP over TLS, and the certificate that its clients have to trust."""
    folder.mkdir(parents=True)
    store, certificate, password = folder / "server.p12", folder / "server.pem", "only-for-this-test"
    keytool = ["keytool", "-keystore", str(store), "-storepass", password, "-alias", "server"]
    names = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1"]
    subprocess.run([*keytool, "-genkeypair", "-keyalg", "RSA", *names], check=True, capture_output=True)
    subprocess.run([*keytool, "-exportcert", "-rfc", "-file", str(certificate)], check=True, capture_output=True)
    settings = {
        "spark.hadoop.hive.server2.transport.mode": "http",
        "spark.hadoop.hive.server2.thrift.http.port": str(port),
        "spark.hadoop.hive.server2.thrift.http.path": path,
        "spark.hadoop.hive.server2.use.SSL": "true",
        "spark.hadoop.hive.server2.keystore.path": str(store),
        "spark.hadoop.hive.server2.keystore.password": password,
    }
    return settings, certificate


@contextmanager
def running_server(folder: Path, port: int, **more_settings: str) -> Iterator[None]:
    """Start a Thrift server with two executors in processes of their own, and end it."""
    import pyspark

    settings = {
        "spark.master": "local-cluster[2,1,1024]",
        "spark.sql.shuffle.partitions": "2",
        "spark.executor.extraJavaOptions": JVM,
        "spark.hadoop.hive.server2.thrift.bind.host": "127.0.0.1",
        "spark.hadoop.hive.server2.thrift.port": str(port),
        **more_settings,
    }
    # Executors work in a folder of the installation, so this one is of the test.
    home = folder / "home"
    home.mkdir(parents=True)
    for part in ("bin", "jars"):
        (home / part).symlink_to(Path(pyspark.__file__).parent / part)
    environment = {"SPARK_CONF_DIR": str(configure(folder, **settings)), "SPARK_HOME": str(home), **LOOPBACK}
    server_class = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
    with (
        (folder / "server.log").open("w") as log,
        subprocess.Popen(
            [f"{home}/bin/spark-submit", "--class", server_class, "spark-internal"],
            cwd=folder,
            env=os.environ | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as server,
    ):
        try:
            deadline = time.monotonic() + 180
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                is_starting = server.poll() is None and time.monotonic() < deadline
                assert is_starting, (folder / "server.log").read_text()
                time.sleep(0.5)
            yield
        finally:
            server.terminate()

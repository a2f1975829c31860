"""Launch Multi Model Server: Java's command line, configuration files and sockets.

The toolkit's own launcher is not used: it needs root, writes to /etc, and installs whatever a model
asks for.
"""

from __future__ import annotations

import importlib.util
import locale
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Dict, List, Mapping, Tuple

from htrlib.errors import ConfigError
from htrlib.serving.config import MEGABYTE, ServingConfig

_SURPLUS = MEGABYTE  # margin of the model server's limits above ours, which apply first

# Ends Java if this process is killed. The child sets it itself, because running Python between fork
# and exec is not safe in a process with threads.
_LAUNCH = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGKILL)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)

_LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="error">
  <Appenders>
    <Console name="own" target="SYSTEM_ERR"><PatternLayout pattern="model server: %m%n"/></Console>
    <Console name="workers" target="SYSTEM_ERR"><PatternLayout pattern="%m%n"/>
      <RegexFilter regex="(attach|terminate)IOStreams.*" onMatch="DENY" onMismatch="NEUTRAL"/>
    </Console>
  </Appenders>
  <Loggers>
    <Logger name="com.amazonaws.ml.mms.wlm.WorkerLifeCycle" level="warn" additivity="false">
      <AppenderRef ref="workers"/>
    </Logger>
    <Root level="error"><AppenderRef ref="own"/></Root>
  </Loggers>
</Configuration>
"""

# Directories of native libraries for Java, and the library for Unix sockets. If it is in none of
# them, Java unpacks it into the temporary directory.
_LIBRARIES = Path("/usr/lib/jni")
_EPOLL = f"libnetty_transport_native_epoll_{platform.machine().replace('aarch64', 'aarch_64')}.so"

_LONGEST_SOCKET = 100  # maximum length of a socket's path in bytes

# Variables that would override the configuration of the model server or Java
_NOT_PASSED_ON = ("MMS_", "MODEL_SERVER_HOME", "LOG_LOCATION", "METRICS_LOCATION", "TEMP")


def choose_sockets(directory: Path) -> Tuple[Path, Path]:
    """Choose the model server's Unix sockets for requests and for management.

    Only users with access to the directory can reach them.

    Raises:
        ConfigError: the directory cannot hold sockets.
    """
    paths = directory / "inference", directory / "management"
    if len(os.fsencode(paths[1])) > _LONGEST_SOCKET:
        raise ConfigError(
            f"{directory} is too long a path for Unix sockets; set TMPDIR to a shorter one"
        )
    encoding = locale.nl_langinfo(locale.CODESET)
    try:
        str(directory).encode(encoding)
    except (UnicodeEncodeError, LookupError):  # Java, which looks for it forever
        raise ConfigError(
            f"{str(directory)!a} has characters that the encoding of this locale, {encoding}, has "
            "not; set LC_ALL=C.UTF-8, or TMPDIR to a directory with a name in ASCII"
        ) from None
    library = _LIBRARIES / _EPOLL
    if os.statvfs(directory).f_flag & os.ST_NOEXEC and not library.is_file():
        raise ConfigError(
            f"{directory} is mounted noexec, so Java cannot load its library for Unix sockets from "
            f"there; mount it exec, set TMPDIR, or unpack {_EPOLL} of the model server's jar to "
            f"{library}"
        )
    return paths


def find_java(environment: Mapping[str, str]) -> str:
    """Find `java` in JAVA_HOME or on the path.

    Raises:
        ConfigError: Java is not installed.
    """
    home = environment.get("JAVA_HOME")
    found = shutil.which(str(Path(home, "bin", "java"))) if home else None
    found = found or shutil.which("java", path=environment.get("PATH"))
    if found is None:
        raise ConfigError(
            "serving needs Java, and there is no `java` on the path nor in JAVA_HOME; install it, "
            "on Debian with: apt-get install default-jre-headless"
        )
    return found


def model_server_home() -> Path:
    """Return the directory that contains the package of Multi Model Server.

    Raises:
        ConfigError: Multi Model Server or sagemaker-inference is not installed.
    """
    for name in ("mms", "sagemaker_inference"):
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"serving needs the package {name}; install it: pip install 'htrlib[serve]'"
            )
    spec = importlib.util.find_spec("mms")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]).parent


def command(config: ServingConfig, directory: Path) -> List[str]:
    """Return the command that starts the model server."""
    home = model_server_home()
    # A request is buffered several times: as it arrives, whole, and as sent to the worker.
    heap = 96 + 4 * (config.at_once + 1) * config.max_request_bytes // MEGABYTE
    return [
        *(sys.executable, "-I", "-c", _LAUNCH),
        find_java(os.environ),
        f"-Xmx{heap}m",
        *("-Xms16m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
        *("-XX:MinHeapFreeRatio=10", "-XX:MaxHeapFreeRatio=30"),
        "-XX:+ExitOnOutOfMemoryError",  # a JVM that ran out of memory cannot be trusted
        "-Dio.netty.allocator.type=unpooled",
        "-Dio.netty.noPreferDirect=true",
        f"-Djava.io.tmpdir={directory}",
        f"-Djava.library.path={_LIBRARIES}",
        f"-Dmodel_server_home={home}",
        f"-Dlog4j.configurationFile=file://{directory / 'log4j2.xml'}",
        *("-cp", str(home / "mms" / "frontend" / "*")),
        "com.amazonaws.ml.mms.ModelServer",
        *("--python", sys.executable),
        *("-f", str(directory / "config.properties")),
    ]


def environment(config: ServingConfig, directory: Path) -> Dict[str, str]:
    """Return the environment of the model server and its workers."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_PASSED_ON[0]) and name not in _NOT_PASSED_ON
    }
    variables["OMP_NUM_THREADS"] = str(config.threads)
    variables["LOG_LOCATION"] = variables["METRICS_LOCATION"] = str(directory)
    variables["TMPDIR"] = str(directory)
    variables["PYTHONDONTWRITEBYTECODE"] = "1"
    variables.setdefault("MALLOC_ARENA_MAX", "1")  # each further arena keeps about 20 MB per worker
    package = Path(__file__).resolve().parents[3]
    if package.name not in ("site-packages", "dist-packages"):
        there = variables.get("PYTHONPATH")
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(package), there)))
    return variables


def write_configuration(config: ServingConfig, directory: Path, sockets: Tuple[Path, Path]) -> None:
    """Write the model server's configuration files."""
    settings = {
        "inference_address": f"unix:{sockets[0]}",
        "management_address": f"unix:{sockets[1]}",
        "use_native_io": "true",
        "model_store": directory / "models",
        "decode_input_request": "false",
        "max_request_size": config.max_request_bytes + _SURPLUS,
        "max_response_size": config.max_answer_bytes + _SURPLUS,
        "default_response_timeout_seconds": response_seconds(config),
        "unregister_model_timeout": 10,
        "job_queue_size": 2 * config.at_once + 8,
        "number_of_netty_threads": 1,
        "netty_client_threads": 1,
        "metric_time_interval": 10**9,  # seconds; its metrics go to a log that nobody reads
    }
    (directory / "models").mkdir(exist_ok=True)
    rows = "".join(f"{name}={_escaped(str(value))}\n" for name, value in settings.items())
    _write_new(directory / "config.properties", rows)
    _write_new(directory / "log4j2.xml", _LOGGING)


def response_seconds(config: ServingConfig) -> int:
    """Return the model server's time limit for a worker.

    It is so long that the gateway and the worker always end the request first.
    """
    return int(config.longest_seconds) + 30


def _escaped(text: str) -> str:
    """Escape a value for a properties file, which Java reads as Latin-1."""
    units = text.replace("\\", "\\\\").encode("utf-16-be", "surrogatepass")
    numbers = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(number) if number < 128 else f"\\u{number:04x}" for number in numbers)


def _write_new(path: Path, content: str) -> None:
    """Write a file unless it is up to date, because a restart must not need disk space."""
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")

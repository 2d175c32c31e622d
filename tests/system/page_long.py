#!/usr/bin/env python3
"""A page left open for SECONDS (300) against a daemon that restarts twice: page_long.py [SECONDS]. Prints the heap before and after."""
import sys

from page_test import CONFIG, drive
from raksa_daemon import Daemon, free_port


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    web = free_port()
    with Daemon(CONFIG.replace("WEB", str(web))) as daemon:
        def stop():
            daemon.stop()
            daemon.log.close()

        checks, said = drive("long.mjs", [f"http://127.0.0.1:{daemon.port}", str(web), str(seconds)],
                             {"stop": stop, "start": daemon.start}, seconds + 200)
    print(said)
    return 0 if checks and all(item["result"] == "ok" for item in checks) else 1


if __name__ == "__main__":
    sys.exit(main())

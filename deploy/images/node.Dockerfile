# The image of a node: `docker build -f deploy/images/node.Dockerfile -t lienthong/node .` from the project's root.
# Settings, keys and data are mounted, never built in. Not built by the tests: no image registry is reached from there.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
COPY locks/run.txt /tmp/run.txt
RUN python -m venv /opt/lienthong/.venv \
 && /opt/lienthong/.venv/bin/python -m pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r /tmp/run.txt

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin lienthong \
 && install -d -m 0700 -o 10001 -g 10001 /var/lib/lienthong /run/lienthong
COPY --from=build /opt/lienthong/.venv /opt/lienthong/.venv
COPY pki /opt/lienthong/pki
COPY federation /opt/lienthong/federation
COPY node /opt/lienthong/node
COPY modules /opt/lienthong/modules
COPY deploy /opt/lienthong/deploy
COPY indicators /opt/lienthong/indicators
WORKDIR /opt/lienthong
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME ["/var/lib/lienthong"]
STOPSIGNAL SIGTERM
# The node answers on the address that its settings name; here that is 8001 of the container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD [".venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8001/healthz', timeout=4)"]
ENTRYPOINT [".venv/bin/python", "-m", "node"]
CMD ["serve", "--config", "/etc/lienthong/node.toml"]

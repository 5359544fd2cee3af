# The image of a centre's dashboards: `docker build -f deploy/images/ui.Dockerfile -t lienthong/ui .` from the project's root.
# It holds no key and no data. Not built by the tests: no image registry is reached from there.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
COPY locks/run.txt /tmp/run.txt
RUN python -m venv /opt/lienthong/.venv \
 && /opt/lienthong/.venv/bin/python -m pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r /tmp/run.txt

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10002 --create-home --home-dir /var/lib/lienthong-ui --shell /usr/sbin/nologin lienthong-ui
COPY --from=build /opt/lienthong/.venv /opt/lienthong/.venv
COPY ui /opt/lienthong/ui
COPY .streamlit /opt/lienthong/.streamlit
# A module's page is the module's own file; nothing else of a module is needed here.
COPY modules /opt/lienthong/modules
WORKDIR /opt/lienthong
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10002:10002
STOPSIGNAL SIGTERM
ENTRYPOINT [".venv/bin/python", "-m", "ui"]
CMD ["--node", "http://127.0.0.1:8001", "--listen", "127.0.0.1:8501"]

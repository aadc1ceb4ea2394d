# callmart with the local platform, the dashboard and Postgres' driver. How to run it: docs/operations.md.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
RUN install -d -m 700 /data && python3 -m venv /opt/callmart
ENV PATH=/opt/callmart/bin:$PATH
WORKDIR /src
COPY requirements-container.lock ./
RUN python -m pip install --no-cache-dir --no-compile --no-deps --require-hashes -r requirements-container.lock
COPY pyproject.toml README.md ./
COPY .dlt/ .dlt/
COPY docs/ docs/
COPY dbt_project/ dbt_project/
COPY dashboard/ dashboard/
COPY pipelines/ pipelines/
COPY simulator/ simulator/
# Compiled is what each start reads: all of it would be 60 MB more.
# hadolint ignore=DL3003
RUN python -m pip install --no-cache-dir --no-compile --no-deps --no-build-isolation . \
    && python -m pip uninstall --yes pip \
    && cd /opt/callmart/lib/python3*/site-packages \
    && python -m compileall -q -j 0 pipelines dashboard dbt dlt pydantic sqlalchemy

FROM ${BASE}
COPY --from=build /opt/callmart /opt/callmart
COPY --from=build --chown=65532:65532 /data /data
# User 65532 has no home, and libraries look for one.
ENV PATH=/opt/callmart/bin:$PATH CALLMART_HOME=/data HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
VOLUME /data
USER 65532:65532
# Exit code 4: a load is running, which is healthy.
HEALTHCHECK --interval=5m --timeout=1m CMD ["/bin/sh", "-c", "callmart status --json >/dev/null || [ $? -eq 4 ]"]
ENTRYPOINT ["callmart"]
CMD ["--help"]

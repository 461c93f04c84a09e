FROM python:3.12-slim AS build

# Those which a server may need; others: docker build --build-arg EXTRAS=proxy,redis,aws .
ARG EXTRAS=proxy,redis,prometheus,opentelemetry
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip wheel --quiet --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/modelmesh \
    && pip --python /opt/modelmesh/bin/python install --quiet "$(echo /wheels/*.whl)[$EXTRAS]"


FROM python:3.12-slim

LABEL org.opencontainers.image.title="ModelMesh Lite" \
      org.opencontainers.image.description="OpenAI's HTTP API over pools of AI models, with failover." \
      org.opencontainers.image.licenses="MIT"

# Modules are never looked for in the folder it runs in, which is the one it may write to.
ENV PATH=/opt/modelmesh/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1

RUN install --directory --owner=10001 --group=10001 /var/lib/modelmesh
COPY --from=build /opt/modelmesh /opt/modelmesh

# State is kept in the folder it runs in, and nothing is written elsewhere.
WORKDIR /var/lib/modelmesh
VOLUME /var/lib/modelmesh
USER 10001:10001
EXPOSE 8080

# As ever without curl, and past the proxy that HTTP_PROXY may name.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; probe = http.client.HTTPConnection('127.0.0.1', 8080, timeout=2); probe.request('GET', '/livez'); sys.exit(probe.getresponse().status != 200)"]

ENTRYPOINT ["python", "-m", "modelmesh.proxy"]
CMD ["--host", "0.0.0.0", "--port", "8080"]

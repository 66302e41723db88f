# Sourced by the scripts that fetch packages. Behind a proxy that signs for every host, the system's
# certificate store knows the proxy; the stores that pip, uv and Node bring along do not.
store=/etc/ssl/certs/ca-certificates.crt
if [ -s "$store" ]; then
    export SSL_CERT_FILE="${SSL_CERT_FILE:-$store}"
    export PIP_CERT="${PIP_CERT:-$SSL_CERT_FILE}"
    export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$SSL_CERT_FILE}"
fi

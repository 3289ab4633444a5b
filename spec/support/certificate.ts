/**
 * A self-signed certificate for localhost and 127.0.0.1, and its key, which is not secret: only the specs use them. The certificate
 * is valid until 2126. Node cannot create one, so this command did:
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
 * -addext subjectAltName=DNS:localhost,IP:127.0.0.1`.
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUHJ/tWipkUeXrjnA17K1SmmOjMT0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDAxNDQ1M1oYDzIxMjYxMDMx
MDE0NDUzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASnd58/ClNC4baWjOURxMZfxXtGOhMRzyhjD65xtNOmmWv5qAe6z+U9
AFHR2rt92roc/JrBkYz+/IC15uj0GVlzo28wbTAdBgNVHQ4EFgQUVxHn8CYIMWZZ
Y32EbGJ6VAoAY3UwHwYDVR0jBBgwFoAUVxHn8CYIMWZZY32EbGJ6VAoAY3UwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAIjuK+nGZINCQGTJYRDuYRF8X6sVfoHcT3NPJOjfD8iOAiBS
9vjaDbmzX/5wEW9NbhM6rot4V0jhPcKq5haHWGiY8g==
-----END CERTIFICATE-----
`;

export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfFM/FnhenR773sTM
1HI4k0ygnXBe3TzFODMch7wocsShRANCAASnd58/ClNC4baWjOURxMZfxXtGOhMR
zyhjD65xtNOmmWv5qAe6z+U9AFHR2rt92roc/JrBkYz+/IC15uj0GVlz
-----END PRIVATE KEY-----
`;

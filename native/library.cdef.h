/* The OpenSSL-compatible library that this module runs on, in its own words ("OpenSSL 3.0.19 27 Jan 2026"). */
const char *eng_library_version(void);

"""The application API: the IoTDA v5 REST contract on Litestar."""

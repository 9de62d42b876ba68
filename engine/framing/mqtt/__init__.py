"""MQTT 3.1, 3.1.1 and 5 Control Packets, as far as a Server that authenticates needs them."""

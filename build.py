"""placeholder, being written"""
from cffi import FFI
ffibuilder = FFI()

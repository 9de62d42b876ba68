from setuptools import setup

setup(cffi_modules=["build.py:ffibuilder"])  # pyproject.toml has no word for it

"""Apache Airflow provider for AWS Snowball. Imports nothing, so that reading the version costs nothing."""

__version__ = "1.0.0rc1"

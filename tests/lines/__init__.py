"""The lines of Airflow that the tests ran on, with their results: the README's table is made of them."""

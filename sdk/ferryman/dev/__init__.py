"""The embedded cluster behind `ferryman dev`: for laptops and tests, on the loopback interface only."""

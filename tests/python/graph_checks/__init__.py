"""What `msgraph_check.py` tries: one module for each part of Graph, each with `run(adele, alex)`."""

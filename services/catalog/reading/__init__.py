"""Reading files of strangers: a floor of its own because it runs in a child process.

`python -m services.catalog.reading` takes a file and writes what its rows say, checked by the rules, to
a spool. It knows no database and no service, gives up memory, time and open files beyond what the file
may need, and when it dies, an import has failed and nothing else.
"""

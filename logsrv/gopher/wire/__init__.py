"""Gopher as bytes and text. Sans-IO.

url          Gopher URLs and their requests        fileurl      addresses of local files
response     an answer, an error, Gopher+          errors       what can go wrong, with its exit status
menu         menus and their items                 itemtypes    the letters of items and of files
text         texts and character sets              columns      prose, drawings, tables
content      the content of an answer, and limits
"""

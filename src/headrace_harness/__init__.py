"""What runs in the user's interpreter: warm templates that fork one process for each call.

Python 3.9 or later and the standard library are all it needs, and it imports nothing but itself,
so that it works in any environment, also in one that holds another ``headrace``.
"""

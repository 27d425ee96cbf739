"""Names for containers whose users gave none: a mood and a person from the history of computing and shipping."""

import random
from functools import cache

MOODS = """
able active agile airy amber ample apt awake aware balmy bold brave breezy bright brisk broad calm candid careful
cheery clear clever cosy crisp curious daring dapper deft devoted eager earnest easy elated epic exact fair famous
fearless fine firm fleet fluent fond frank free fresh gallant gentle gifted glad golden good graceful grand great
handy happy hardy hearty helpful honest hopeful humble ideal jolly jovial joyful just keen kind lasting lively loyal
lucid lucky magic mellow merry mighty mild modest neat nifty nimble noble novel open patient peppy plucky polite
prime prompt proper proud quick quiet rapid ready robust rosy sage savvy sharp shining silent simple sincere skilful
sleek smart smooth snappy sober solid sound spry stable steady stellar stoic strong sturdy sunny sure swift tender
thrifty tidy tireless tranquil trusty upbeat vital vivid warm wise witty worthy zealous zesty
"""
PEOPLE = """
ada aiken allen amundsen antonelli atanasoff babbage backus baran bartik bering berners boole booth cabot cartwright
cerf chappe church clarke codd cook corbato cray curie dahl diffie dijkstra drake dunbar easley eckert engelbart
estrin euler feinler floyd frege galvin gauss gentzen goldberg golombek hamilton hamming harrison hellman hoare
holberton hollerith hopper hudson huffman iverson jacquard jennings johnson kahan kahn karp kay keller kilburn kilby
kleene kleinrock knuth lamarr lamport leibniz lichterman liskov lovelace lukasiewicz magellan mauchly mccarthy
mclean meltzer mercator metcalfe milner minsky moore napier nansen naur nelson neumann newell noether noyce nygaard
pascal peano perlis perlman post postel rabin ritchie roberts russell sammet samuel schickard scott shannon shaw
simon spence stallman steele stibitz strachey sutherland tarjan thompson torres turing ulam valiant vaughan wiener
wilkes wilkinson williams wing wirth yao zuse
"""


def suggest(attempt: int, choice: random.Random | None = None) -> str:
    """Return something like `brave_hopper`; from the second attempt on with a number behind it."""
    source = choice or random.SystemRandom()
    name = f"{source.choice(_words(MOODS))}_{source.choice(_words(PEOPLE))}"
    return f"{name}{source.randrange(10 ** min(attempt, 6))}" if attempt else name


@cache
def _words(text: str) -> list[str]:
    return text.split()

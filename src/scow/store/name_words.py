"""Words for names of containers: a mood and somebody who worked with ships, harbours or the sea."""

from __future__ import annotations

MOODS = (
    "able airy amber apt artful awake balmy bold brave breezy bright brisk buoyant busy calm candid cheery civil "
    "clear clever coastal cosy crisp curious dapper daring deft dreamy eager early earnest easy fair famous "
    "fearless fleet fond frank free fresh gallant gentle glad golden good grand happy hardy hearty honest hopeful "
    "humble jaunty jolly jovial keen kind lively loyal lucid lucky mellow merry mild modest nautical neat nimble "
    "noble patient placid plucky polite prompt proud quick quiet radiant ready robust rosy serene sharp shiny "
    "silent silver sincere smooth snug sober solid spry stable starry steady stoic strong sturdy sunny swift tidal "
    "tidy tranquil trim true trusty upbeat valiant vivid warm wary wise witty woven zesty"
).split()

SEAFARERS = (
    "amundsen baffin banks barents baret bligh bougainville bowditch brunel cabot cartier cavendish champlain cook "
    "cousteau davis dias drake earhart earle elcano erikson fitzroy flinders franklin frobisher gama grace halley "
    "harrison hawkins heyerdahl hudson humboldt ibnbattuta idrisi kerguelen knoxjohnston krusenstern laperouse "
    "macarthur magellan marris maury mclean mercator moitessier nansen nearchus nelson noonan parry piailug piccard "
    "plimsoll polo pytheas raleigh ross sharp scoresby shackleton slocum smeaton stevenson sverdrup tabarly tasman "
    "tharp torres tupaia vancouver vespucci walker wallis weddell winslow zhenghe"
).split()

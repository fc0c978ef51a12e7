"""What a flow would do with a call, tried on a virtual clock with the very code that real calls go through."""

from b2bua.simulate.running import Simulation as Simulation
from b2bua.simulate.running import simulate as simulate
from b2bua.simulate.scene import Behaviour as Behaviour
from b2bua.simulate.scene import Manner as Manner
from b2bua.simulate.scene import Scene as Scene
from b2bua.simulate.scene import parse_behaviour as parse_behaviour
from b2bua.simulate.scene import parse_moment as parse_moment

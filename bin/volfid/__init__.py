"""volfid: is synthetic text worth generating, and is it volume or fidelity that helps?"""

__version__ = "0.1.0"

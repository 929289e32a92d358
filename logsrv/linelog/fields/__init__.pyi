from decimal import Decimal as Decimal

from orjson import loads as loads

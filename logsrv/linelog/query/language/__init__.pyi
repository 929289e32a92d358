from logsrv.linelog.query.language.engine import check as check
from logsrv.linelog.query.language.size import TooLarge as TooLarge
from logsrv.linelog.query.language.size import WrongExpression as WrongExpression
from logsrv.linelog.query.language.size import check_sizes as check_sizes

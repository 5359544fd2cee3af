"""The door of a centre: a password, then what else is asked for, then a session; each step opens the next one only.

Comparing a password is slow on purpose and happens outside the writer; what follows is decided in one of its steps.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy.orm import Session

from node import account, audit, login, password, second_factor, totp
from node.access import Claims
from node.context import NodeContext
from node.errors import Forbidden, Invalid, NodeError, TooMany, Unauthenticated
from node.login import Stage, Visit
from node.role import Principal

REFUSED = "Sai tên đăng nhập hoặc mật khẩu, hoặc tài khoản đang tạm khóa."
WRONG_CODE = "Mã không đúng, đã dùng rồi hoặc đã hết hạn."
STEP_OVER = "Đã quá thời gian của bước này, hãy đăng nhập lại."
_A_MINUTE = 60.0
PER_ADDRESS, PER_ACCOUNT = 300, 30
# Wrong passwords of one address for one name: what it may try, and how much of that may count against the account. So
# nobody closes another's account from one place: that takes six, and each only so much a day.
_WRONG, _WRONG_S = 5, 15 * _A_MINUTE
_COUNTED, _COUNTED_S = 5, 24 * 60 * _A_MINUTE
_CODES_A_STEP = 5


class StepNeeded(NodeError):  # noqa: N818 - what is missing
    """The password was right, and something else is asked for before the door opens."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "step_needed"
    title: ClassVar[str] = "Cần thêm một bước để đăng nhập"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """How far somebody came: the token for the next step, or of the session if the stage is open."""

    stage: Stage
    token: str
    expires_at: datetime
    principal: Principal | None


def knock(context: NodeContext, username: str, given: str, visit: Visit) -> Passage:
    """Compare a password; the answer does not tell whether the name exists."""
    address = visit.address
    if not (
        context.pace.allow(f"login:{address}", PER_ADDRESS, _A_MINUTE)
        and context.pace.allow(f"login:{address}:{username}", PER_ACCOUNT, _A_MINUTE)
    ):
        raise TooMany("quá nhiều lần đăng nhập, hãy thử lại sau một phút")
    may_try = context.pace.allow(_wrong(address, username), _WRONG, _WRONG_S)  # first: many at once are no way around
    stored = context.database.read(lambda session: account.password_hash_of(session, username))
    is_right = may_try and password.is_password(stored, given)
    now, jti = context.clock.now(), context.random(16).hex()

    def decide(session: Session) -> Passage | None:
        if not is_right or not login.is_open(session, username=username, now=now):
            counts = (
                may_try and not is_right and context.pace.allow(f"counted:{address}:{username}", _COUNTED, _COUNTED_S)
            )
            account.note_failure(session, username, now, address, counts=counts)
            return None
        if account.password_hash_of(session, username) != stored or _is_expired(context, session, username, now):
            return None  # changed while it was compared, or a one-time password of long ago
        has_factor = second_factor.of(session, username) is not None
        return _go_on(context, session, username, Stage.CODE if has_factor else None, jti=jti, now=now, visit=visit)

    passage = context.database.write(decide, urgent=True)
    if passage is None:
        raise Unauthenticated(REFUSED)
    if passage.stage is Stage.OPEN:
        context.pace.forget(_wrong(address, username))
    return passage


def step_claims(context: NodeContext, token: str | None, stage: Stage) -> Claims:
    """Read a token that stands at this step; raise Unauthenticated for any other."""
    if not token:
        raise Unauthenticated(STEP_OVER)
    claims, now = context.tokens.verify(token), context.clock.now()
    at = context.database.read(
        lambda session: login.stage_of(session, jti=claims.jti, username=claims.username, now=now)
    )
    if at is not stage:
        raise Unauthenticated(STEP_OVER)
    return claims


def give_code(context: NodeContext, claims: Claims, code: str, visit: Visit) -> Passage:
    """Take the telephone's code, or one on paper; after five wrong ones the password is asked for again."""
    now, jti, username = context.clock.now(), context.random(16).hex(), claims.username
    may_try = context.pace.allow(f"code:{claims.jti}", _CODES_A_STEP, login.STEP_LASTS.total_seconds() * 10)

    def decide(session: Session) -> Passage | None:
        if not may_try:
            login.end(session, claims.jti, now)
            return None
        if not _stands(session, claims, Stage.CODE, now):
            return None
        if not second_factor.is_code(session, context.factor_key, username, code, now):
            account.note_failure(session, username, now, visit.address, weight=account.CODE_WEIGHT, what="code")
            return None
        login.end(session, claims.jti, now)
        return _go_on(context, session, username, None, jti=jti, now=now, visit=visit)

    passage = context.database.write(decide, urgent=True)
    if passage is None:
        raise Unauthenticated(WRONG_CODE if may_try else STEP_OVER)
    context.pace.forget(_wrong(visit.address, username))
    return passage


def replace_password(context: NodeContext, claims: Claims, new: str, visit: Visit) -> Passage:
    """Put a password of one's own in the place of the one-time password."""
    now, jti, username = context.clock.now(), context.random(16).hex(), claims.username
    refuse_same(context, username, new)
    hashed = password.hash_password(username, new, shortest=context.settings.accounts.shortest_password)

    def decide(session: Session) -> Passage | None:
        if not _stands(session, claims, Stage.PASSWORD, now):
            return None
        account.set_password(session, username, hashed, actor=username, now=now)
        return _go_on(context, session, username, None, jti=jti, now=now, visit=visit)

    passage = context.database.write(decide, urgent=True)
    if passage is None:
        raise Unauthenticated(STEP_OVER)
    return passage


def new_secret(context: NodeContext, username: str, jti: str) -> tuple[bytes, str]:
    """Make a secret for a telephone, and the same sealed for the form that brings the first code back."""
    secret = context.random(totp.SECRET_BYTES)
    return secret, context.factor_key.seal(secret, _enrolling(username, jti), context.random)


def shown_secret(context: NodeContext, username: str, jti: str, sealed: str) -> bytes | None:
    """Open what a form brings back; None if it was not made for this step or session."""
    return context.factor_key.open(sealed, _enrolling(username, jti))


def set_telephone(
    context: NodeContext, username: str, jti: str, sealed: str, code: str, *, is_first: bool = False
) -> list[str]:
    """Begin to ask for a telephone that shows a right code; gives the codes for paper."""
    now = context.clock.now()
    secret = shown_secret(context, username, jti, sealed)
    step = totp.matching_step(secret, "".join(code.split()), now) if secret else None
    if secret is None or step is None:
        raise Invalid("mã chưa đúng: hãy kiểm tra giờ của điện thoại và nhập mã đang hiện", errors=[{"field": "code"}])
    codes = second_factor.new_codes(context.random)
    kept = context.factor_key.seal(secret, second_factor.purpose(username), context.random)

    def decide(session: Session) -> bool:
        if is_first and second_factor.of(session, username) is not None:
            return False  # somebody with the same password was faster; an administrator has to look
        second_factor.put(session, context.factor_key, username, sealed=kept, step=step, codes=codes, now=now)
        return True

    if not context.database.write(decide, urgent=True):
        raise Unauthenticated(STEP_OVER)
    return codes


def enrol(context: NodeContext, claims: Claims, sealed: str, code: str, visit: Visit) -> tuple[Passage, list[str]]:
    """Set the telephone up that the role must have, and open the session."""
    if not context.pace.allow(f"code:{claims.jti}", _CODES_A_STEP * 4, login.STEP_LASTS.total_seconds() * 10):
        raise TooMany("quá nhiều lần đăng nhập, hãy thử lại sau một phút")
    codes = set_telephone(context, claims.username, claims.jti, sealed, code, is_first=True)
    now, jti = context.clock.now(), context.random(16).hex()

    def decide(session: Session) -> Passage | None:
        if not _stands(session, claims, Stage.ENROL, now):
            return None
        login.end(session, claims.jti, now)
        return _go_on(context, session, claims.username, None, jti=jti, now=now, visit=visit)

    passage = context.database.write(decide, urgent=True)
    if passage is None:
        raise Unauthenticated(STEP_OVER)
    return passage, codes


def refuse_same(context: NodeContext, username: str, new: str) -> None:
    """Raise Invalid for a new password that is the one before."""
    stored = context.database.read(lambda session: account.password_hash_of(session, username))
    if password.is_password(stored, new):
        raise Invalid("mật khẩu mới phải khác mật khẩu đang dùng", errors=[{"field": "password"}])


def check_password(context: NodeContext, principal: Principal, given: str, visit: Visit) -> None:
    """Ask somebody who is signed in for the password once more, before what a stolen session must not do."""
    username = principal.username
    may_try = context.pace.allow(f"again:{username}", _WRONG, _WRONG_S)
    stored = context.database.read(lambda session: account.password_hash_of(session, username))
    if may_try and password.is_password(stored, given):
        context.pace.forget(f"again:{username}")
        return
    now = context.clock.now()
    context.database.write(
        lambda session: account.note_failure(session, username, now, visit.address, counts=False, what="password again")
    )
    raise Forbidden(
        "mật khẩu hiện tại không đúng" if may_try else "đã sai mật khẩu quá nhiều lần, hãy thử lại sau ít phút"
    )


def open_by_program(
    context: NodeContext, username: str, given: str, visit: Visit, *, code: str = "", new_password: str = ""
) -> Passage:
    """Take all steps at once; raise StepNeeded for the one that is missing, and leave nothing half open."""
    passage = knock(context, username, given, visit)
    if passage.stage is Stage.CODE and code:
        passage = give_code(context, context.tokens.verify(passage.token), code, visit)
    if passage.stage is Stage.PASSWORD and new_password:
        passage = replace_password(context, context.tokens.verify(passage.token), new_password, visit)
    if passage.stage is Stage.OPEN:
        return passage
    jti, now = context.tokens.verify(passage.token).jti, context.clock.now()
    context.database.write(lambda session: login.end(session, jti, now))
    words = {
        Stage.CODE: "cần mã của điện thoại (code)",
        Stage.PASSWORD: "mật khẩu này chỉ dùng một lần: hãy gửi kèm mật khẩu mới (new_password)",
        Stage.ENROL: "vai trò này phải có mã của điện thoại: hãy đăng nhập bằng trình duyệt để cài đặt",
    }
    raise StepNeeded(words[passage.stage], extra={"needs": passage.stage.value})


def _go_on(
    context: NodeContext,
    session: Session,
    username: str,
    stage: Stage | None,
    *,
    jti: str,
    now: datetime,
    visit: Visit,
) -> Passage:
    """Begin the next step that is still missing, or the session; every one has a token of its own."""
    one = account.get(session, username)
    if stage is None and one.must_change:
        stage = Stage.PASSWORD
    is_required = one.role in context.settings.accounts.second_factor
    if stage is None and is_required and second_factor.of(session, username) is None:
        stage = Stage.ENROL
    stage = stage or Stage.OPEN
    rules = context.settings.accounts
    expires_at = login.begin(session, jti=jti, username=username, now=now, lasts=rules.lasts, stage=stage, visit=visit)
    principal = None
    if stage is Stage.OPEN:
        account.note_success(session, username)
        login.end_oldest(session, username, now, most=rules.sessions_each)
        detail = {"address": visit.address}
        audit.record(session, actor=username, act="login.begin", subject=username, detail=detail, now=now)
        principal = login.principal(session, jti=jti, username=username, now=now, idle=rules.idle)
    token = context.tokens.sign(username=username, jti=jti, expires_at=expires_at)
    return Passage(stage=stage, token=token, expires_at=expires_at, principal=principal)


def _stands(session: Session, claims: Claims, stage: Stage, now: datetime) -> bool:
    return login.stage_of(session, jti=claims.jti, username=claims.username, now=now) is stage


def _is_expired(context: NodeContext, session: Session, username: str, now: datetime) -> bool:
    one_time = timedelta(hours=context.settings.accounts.one_time_hours)
    if not account.is_expired(session, username, now=now, one_time=one_time):
        return False
    audit.record(session, actor="-", act="login.expired", subject=username, now=now)
    return True


def _wrong(address: str, username: str) -> str:
    return f"wrong:{address}:{username}"


def _enrolling(username: str, jti: str) -> str:
    return f"enrolling {username} {jti}"

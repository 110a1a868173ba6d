import type { Role } from '../../core/admin/inspection.js';

/** The rules that docs/permissions.md gives a user for each role; a test holds them equal. */
export const ROLE_RULES: Readonly<Record<Role, string>> = {
  producer: `
    &rq:event:* &rq:history:* &rq:{*}*:wake &rq:{*}*:wake:* ~rq:queues ~rq:groups ~rq:{*}:groups
    ~rq:{wildcards} ~rq:{wildcards}:changes ~rq:{*}*:waiting ~rq:{*}*:unkeyed ~rq:{*}*:suspects
    ~rq:{*}*:delayed ~rq:{*}*:ids ~rq:{*}*:parked ~rq:{*}*:counts ~rq:{*}*:roles ~rq:{*}*:levels
    ~rq:{*}*:levels:* ~rq:{*}*:lanes ~rq:{*}*:terms ~rq:{*}:emitted ~rq:{*}:history ~rq:{*}:history:count
    ~rq:{*}*:resting ~rq:{reply:*}:refused +client|id +client|setname +eval +evalsha +exec +hello +hget
    +hgetall +hlen +hmget +info +llen +multi +ping +pttl +publish +time +xlen +zcard +zcount +zscore
    (~rq:{wildcards} +hscan) (~rq:{wildcards}:changes +xrange)
    (~rq:{*}*:waiting ~rq:{*}*:unkeyed ~rq:{*}*:levels:* ~rq:{*}*:lanes:* +rpush)
    (~rq:{*}*:lanes:* +exists +llen) (~rq:{*}*:waiting ~rq:{*}*:levels ~rq:{*}*:resting +exists)
    (~rq:{*}*:levels +hkeys +hset) (~rq:{*}*:delayed ~rq:{*}*:ids ~rq:{*}:emitted ~rq:{*}*:resting +zadd)
    (~rq:{*}*:resting:* +get +psetex) (~rq:{*}*:ids ~rq:{*}:emitted +pexpire +zremrangebyrank)
    (~rq:queues ~rq:{*}*:parked +hset +hsetnx) (~rq:{*}*:parked +hdel)
    (~rq:{*}*:counts ~rq:{*}*:lanes +hincrby) (~rq:{*}*:lanes +hset +hsetnx)
    (~rq:{*}:history +xadd +xtrim) (~rq:{*}:history:count +incr +incrby) (~rq:{reply:*}:replies +blmpop)
    (~rq:{reply:*}:parked:* +get +unlink) (~rq:{reply:*}:refused +hset +pexpire)
`,
  consumer: `
    &__redis__:invalidate &rq:event:* &rq:history:* &rq:{*}*:wake &rq:{*}*:wake:* ~rq:queues ~rq:groups
    ~rq:{*}:groups ~rq:{wildcards} ~rq:{wildcards}:changes ~rq:{*}*:waiting ~rq:{*}*:unkeyed
    ~rq:{*}*:suspects ~rq:{*}*:processing:* ~rq:{*}*:consumers ~rq:{*}*:fenced ~rq:{*}*:sleepers
    ~rq:{*}*:roles ~rq:{*}*:delayed ~rq:{*}*:dead ~rq:{*}*:counts ~rq:{*}*:handled ~rq:{*}*:parked
    ~rq:{*}*:paused ~rq:{*}*:rate ~rq:{*}*:slowed ~rq:{*}*:terms ~rq:{*}*:levels ~rq:{*}*:levels:*
    ~rq:{*}*:lanes ~rq:{*}*:lanes:* ~rq:{*}*:resting ~rq:{*}*:resting:* ~rq:{*}*:cursor ~rq:{*}:history
    ~rq:{*}:history:count ~rq:{reply:*}:replies ~rq:{reply:*}:refused ~rq:{reply:*}:added +client|caching
    +client|id +client|setname +client|tracking +client|unblock +eval +evalsha +exec +exists +get +hello
    +hexists +hget +hgetall +hlen +hmget +info +llen +lpos +multi +ping +pttl +subscribe +time +xlen
    +xrange +xrevrange +zcard +zcount +zrandmember +zrange +zrank +zscore
    (~rq:{*}*:waiting ~rq:{*}*:levels:* ~rq:{*}*:lanes:* ~rq:{*}*:suspects ~rq:{*}*:processing:* +blmove +lmove +lpush +rpush)
    (~rq:{*}*:waiting ~rq:{*}*:processing:* +lindex +lrange +ltrim)
    (~rq:{*}*:unkeyed +lrange +ltrim +rpush) (~rq:{*}*:waiting ~rq:{*}*:unkeyed +rename)
    (~rq:{*}*:terms +hdel) (~rq:{*}*:roles +hkeys) (~rq:{*}*:levels +del +hdel +hkeys +hset)
    (~rq:{*}*:waiting ~rq:{*}*:processing:* ~rq:{*}*:delayed +memory|usage)
    (~rq:{*}*:processing:* +linsert +lrem +lset)
    (~rq:{*}*:consumers ~rq:{*}*:fenced ~rq:{*}*:sleepers ~rq:{*}*:resting +zadd +zrem)
    (~rq:{*}*:delayed ~rq:{*}*:handled +zadd +zremrangebyrank) (~rq:{*}*:delayed +zremrangebyscore)
    (~rq:{*}*:handled +pexpire) (~rq:{*}*:dead +xadd +xdel +xtrim)
    (~rq:{*}*:counts ~rq:{*}*:lanes +hincrby) (~rq:{*}*:counts ~rq:{*}*:terms +hset)
    (~rq:{*}*:roles ~rq:{*}*:lanes +hdel +hset) (~rq:{*}*:lanes +hsetnx) (~rq:{*}*:parked +hdel +hsetnx)
    (~rq:{*}*:cursor ~rq:{*}*:slowed +del) (~rq:{*}*:cursor ~rq:{*}*:rate ~rq:{*}*:slowed +set)
    (~rq:{*}*:resting:* +psetex) (~rq:queues ~rq:groups ~rq:{*}:groups ~rq:{wildcards} +hset)
    (~rq:queues +hsetnx) (~rq:{wildcards} +hscan) (~rq:{wildcards}:changes +xadd)
    (~rq:{reply:*}:replies +lindex +pexpire +rpush) (~rq:{reply:*}:added +incrby +pexpire)
    (~rq:{reply:*}:parked:* +set) (&rq:{*}*:wake &rq:{*}*:wake:* +publish)
`,
  administrator: `
    &rq:{*}*:wake ~rq:queues ~rq:groups ~rq:{*}:groups ~rq:{wildcards} ~rq:{wildcards}:changes
    ~rq:{*}*:waiting ~rq:{*}*:unkeyed ~rq:{*}*:suspects ~rq:{*}*:processing:* ~rq:{*}*:consumers
    ~rq:{*}*:fenced ~rq:{*}*:delayed ~rq:{*}*:dead ~rq:{*}*:counts ~rq:{*}*:parked ~rq:{*}*:paused
    ~rq:{*}*:roles ~rq:{*}*:sleepers ~rq:{*}*:fed ~rq:{*}*:cursor ~rq:{*}*:rate ~rq:{*}*:slowed
    ~rq:{*}*:terms ~rq:{*}*:levels ~rq:{*}*:levels:* ~rq:{*}*:lanes ~rq:{*}*:lanes:* ~rq:{*}*:resting
    ~rq:{*}:history +client|id +client|setname +eval +evalsha +exists +hello +hexists +hget +hgetall
    +hkeys +hlen +hmget +hscan +info +lindex +llen +lrange +publish +time +xlen +xrange +xrevrange +zcard
    +zrange +zscore
    (~rq:{*}*:waiting ~rq:{*}*:lanes:* ~rq:{*}*:suspects ~rq:{*}*:processing:* ~rq:{*}*:delayed +memory|usage)
    (~rq:{*}*:waiting ~rq:{*}*:levels:* ~rq:{*}*:lanes:* +lmove +lrem +ltrim +rpush)
    (~rq:{*}*:unkeyed +lrem +ltrim +memory|usage +rpush +unlink) (~rq:{*}*:terms +hset)
    (~rq:{*}*:levels +del +hdel +hset) (~rq:{*}*:lanes +hdel +hincrby +hset +hsetnx)
    (~rq:{*}*:suspects +lrem +ltrim)
    (~rq:{*}*:waiting ~rq:{*}*:levels:* ~rq:{*}*:suspects ~rq:{*}*:delayed ~rq:{*}:history +unlink)
    (~rq:{*}*:delayed ~rq:{*}*:resting +zadd +zrem) (~rq:{*}*:delayed +zremrangebyrank)
    (~rq:{*}*:consumers ~rq:{*}*:fenced ~rq:{*}*:resting +zcount) (~rq:{*}*:resting:* +get +psetex)
    (~rq:{*}*:dead +del +xdel) (~rq:{*}*:parked +hdel) (~rq:{*}*:paused +del +set)
    (~rq:{*}*:consumers ~rq:{*}*:counts ~rq:{*}*:cursor ~rq:{*}*:fenced ~rq:{*}*:rate ~rq:{*}*:resting ~rq:{*}*:roles ~rq:{*}*:sleepers ~rq:{*}*:slowed ~rq:{*}*:terms +del)
    (~rq:{*}*:rate ~rq:{*}*:slowed +get +pttl)
    (~rq:queues ~rq:groups ~rq:{*}:groups ~rq:{wildcards} +hdel +hset) (~rq:queues +hsetnx)
    (~rq:{wildcards}:changes +xadd)
`,
  observer: `
    ~rq:queues ~rq:groups ~rq:{*}*:waiting ~rq:{*}*:unkeyed ~rq:{*}*:suspects ~rq:{*}*:processing:*
    ~rq:{*}*:consumers ~rq:{*}*:fenced ~rq:{*}*:delayed ~rq:{*}*:dead ~rq:{*}*:counts ~rq:{*}*:parked
    ~rq:{*}*:paused ~rq:{*}*:rate ~rq:{*}*:slowed ~rq:{*}*:levels ~rq:{*}*:levels:* ~rq:{*}*:lanes
    ~rq:{*}*:lanes:* ~rq:{*}*:terms ~rq:{*}*:resting ~rq:{*}:history +client|id +client|setname +eval
    +evalsha +exists +hello +hget +hgetall +hkeys +hlen +hmget +hscan +info +lindex +llen +lrange +time
    +xlen +xrange +xrevrange +zcard +zrange +zscore
    (~rq:{*}*:waiting ~rq:{*}*:lanes:* ~rq:{*}*:suspects ~rq:{*}*:processing:* ~rq:{*}*:delayed +memory|usage)
    (~rq:{*}*:rate ~rq:{*}*:slowed +get +pttl)
`,
};

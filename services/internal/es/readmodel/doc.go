// Package readmodel keeps read models in Redis. What a commit means is written
// together with how far the stream was read, in one Lua script; what is read
// comes back together with how far the model was, in one transaction. So a
// model is never half a commit ahead or behind itself, applying twice does
// nothing, and a model that was wiped says that it is behind instead of
// answering from nothing.
//
// Keys are {<stream>}:<model>.v<version>.<epoch>:<suffix>. The tag keeps a
// shard's data and checkpoint in one Redis Cluster slot. Another version of
// the model, or another epoch of the stream, has other keys and is built from
// the log beside the old ones. Suffixes hold random references only. The values of a
// folded model stand under {<stream>}<tag><suffix>; the tag is six bytes of a digest
// of what stands between stream and suffix otherwise.
package readmodel

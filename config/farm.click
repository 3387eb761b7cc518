// The honeyfarm gateway: a router sends the traffic of unused addresses through a GRE tunnel; every address that is
// contacted becomes a machine of its own, and nothing that it begins by itself leaves.
//
//   potemkin run config/farm.click -D LOCAL=192.0.2.2 -D ROUTER=192.0.2.1
//
// TELESCOPE       the addresses that are ours to play; what is for others, or pretends to be from them, is dropped
// LOCAL, ROUTER   our end of the tunnel, and the router's
// TARGETS         addresses one scan may reach in WINDOW; 0 switches the scan filter off
// KEY             what shares a universe: packet, pair or source
// OPEN            targets whose universes are open to others: all, none, or prefixes with a space between
// SHARED          part of all sources that share one universe, under rules of its own: 1%
// IDLE, KEEP      time for which a quiet clone is kept, and one of interest, which is captured before it goes
// CAP             memory that one clone may change
// ZONE, UNKNOWN   names that the DNS sink knows, and the addresses it makes up for all others, or nxdomain
// BACKEND         qemu: clones are real machines, of images that are frozen; simulated: a small network stack each

define($TELESCOPE 10.99.0.0/16,
       $LOCAL 192.0.2.2, $ROUTER 192.0.2.1,
       $TARGETS 1, $WINDOW 60s, $KEY pair, $OPEN none, $SHARED 0,
       $IDLE 60s, $KEEP 600s, $CAP 64M, $ZONE sinks.zone, $UNKNOWN 198.18.0.0/15,
       $BACKEND qemu, $MAP addresses.map, $POLICY policies/reflect.policy);

tunnel   :: GreTunnel(LOCAL $LOCAL, REMOTE $ROUTER);
ours     :: IPFilter(allow dst net $TELESCOPE && not src net $TELESCOPE);
flows    :: FlowTable(TIMEOUT 300s);
scans    :: ScanFilter(TARGETS $TARGETS, WINDOW $WINDOW);
universe :: UniverseTagger(KEY $KEY, OPEN $OPEN, SHARED $SHARED);
bind     :: Dispatcher(MAP $MAP);
farm     :: CloneFarm(BACKEND $BACKEND, MEMORY 2G, CAP $CAP, IDLE $IDLE, KEEP $KEEP);
export   :: ExportPolicy(POLICY $POLICY);
sinks    :: Sinks(ZONE $ZONE, UNKNOWN $UNKNOWN);
rewriter :: Rewriter;

// From the Internet to a clone.
tunnel -> CheckIPHeader -> ours -> ClampMSS -> [outside] flows;
flows[known] -> [back] rewriter[back] -> farm;       // belongs to a flow that is open
flows[new]   -> scans -> universe -> bind -> farm;   // may open one: SYN, UDP, ICMP echo
flows[stray] -> Counter -> Discard;                  // backscatter and other packets that can open nothing
scans[scan]  -> Discard;

// From a clone: to whoever contacted it, or to another clone, or a sink, that plays the target.
farm -> CheckIPHeader -> [inside] flows;
flows[inside] -> export;
export[forward]  -> [forward] rewriter[forward] -> ClampMSS -> tunnel;
export[reflect]  -> [reflect] rewriter[reflect] -> Reflector -> bind;
export[redirect] -> sinks;
sinks[pass]      -> [redirect] rewriter[redirect] -> farm;
sinks[answer]    -> farm;
export[drop]     -> Discard;

<?php

/**
 * Verifies what Gatehouse sends to an upstream. PHP 8.1 or later with openssl (EdDSA: sodium); ../README.md says which of the two to use.
 *
 *   $verifier = new Gatehouse\AssertionVerifier("$gateway/.well-known/jwks.json", $gateway, 'legacy', '/var/lib/app/gatehouse-keys');
 *   $verdict = $verifier->verify(Gatehouse\Request::fromGlobals()); // or new SignatureVerifier(keys: [...], fields: [...])
 *   if ($verdict instanceof Gatehouse\Refused) { http_response_code($verdict->status()); exit; } // else: $verdict->tenant, ...
 *
 * A verifier never throws about a request: what cannot be verified is a `Refused`.
 */

declare(strict_types=1);

namespace Gatehouse;

const LONGEST_ASSERTION = 16_384;
const DEEPEST_JSON = 64;
/** Seconds: between two questions for the keys; of an answer without max-age; past it, while nobody answers. */
const COOL_DOWN = 10;
const DEFAULT_MAX_AGE = 300;
const STALE = 600;

/** A request as it was received. `target`: path and query, not decoded. */
final class Request
{
    /** @param list<array{string, string}> $fields names and values */
    public function __construct(
        public readonly string $method,
        public readonly string $target,
        public readonly array $fields,
    ) {
    }

    /** The server has joined fields of one name by now; what was signed does not fit then. */
    public static function fromGlobals(): self
    {
        $fields = [];
        foreach ($_SERVER as $name => $value) {
            if (str_starts_with((string) $name, 'HTTP_')) {
                $fields[] = [substr($name, 5), (string) $value];
            }
        }
        return new self((string) ($_SERVER['REQUEST_METHOD'] ?? ''), (string) ($_SERVER['REQUEST_URI'] ?? ''), $fields);
    }
}

/** Why a request has no identity. */
final class Refused
{
    public function __construct(public readonly string $code, public readonly ?\Throwable $cause = null)
    {
    }

    /** 503 if the keys cannot be had, else 401. */
    public function status(): int
    {
        return $this->code === 'keys_unavailable' ? 503 : 401;
    }
}

/** Who acts, by the assertion. */
final class Asserted
{
    /**
     * @param list<string> $roles
     * @param list<string> $scopes
     */
    public function __construct(
        public readonly string $subject,
        public readonly ?string $tenant,
        public readonly ?string $client,
        public readonly array $roles,
        public readonly array $scopes,
        public readonly \stdClass $profile,
        public readonly int|float $expiresAt,
    ) {
    }
}

/** Who acts, by the signed fields: values by the names that were given (null without one). */
final class Signed
{
    /** @param array<string, ?string> $fields */
    public function __construct(public readonly array $fields, public readonly bool $bodyBound)
    {
    }
}

/** @internal */
final class Refusal extends \Exception
{
}

/** @internal */
function check(bool $condition, string $code): void
{
    if (!$condition) {
        throw new Refusal($code);
    }
}

/** @internal */
function verdictOf(callable $decide): mixed
{
    try {
        return $decide();
    } catch (Refusal $refusal) {
        return new Refused($refusal->getMessage(), $refusal);
    } catch (\Throwable $cause) {
        return new Refused('internal', $cause);
    }
}

/** Values by name; names that some server takes for one (X_Tenant_Id, X-Tenant-Id) are one. @internal */
final class Fields
{
    /** @var array<string, list<string>> */
    private array $values = [];

    /** @param list<array{string, string}> $pairs */
    public function __construct(array $pairs)
    {
        foreach ($pairs as [$name, $value]) {
            $this->values[self::fold($name)][] = trim($value, "\t ");
        }
    }

    /** The value of a field that may come once at most; empty if it is absent. */
    public function single(string $name, string $codeIfRepeated): string
    {
        $values = $this->values[self::fold($name)] ?? [];
        check(count($values) < 2, $codeIfRepeated);
        $value = $values[0] ?? '';
        // A line break would make two lines of a signature base out of one.
        check(preg_match('/\A[\t\x20-\x7e\x80-\xff]*+\z/', $value) === 1, 'request_malformed');
        return $value;
    }

    private static function fold(string $name): string
    {
        return preg_replace('/[^a-z0-9]/', '-', strtolower($name));
    }
}

/** Verifies X-Gatehouse-Assertion: who acts, for which tenant. It does not bind the request. */
final class AssertionVerifier
{
    private readonly KeySource $keys;
    private readonly \Closure $now;

    /**
     * `keyFile`: where the published keys are kept between requests; in a folder that nobody else can write to.
     * `algorithms`: what the upstream's `assertion.algorithm` says. `now`: seconds since the epoch.
     *
     * @param list<string> $algorithms
     */
    public function __construct(
        string $jwksUrl,
        private readonly string $issuer,
        private readonly string $audience,
        string $keyFile,
        private readonly array $algorithms = ['ES256'],
        private readonly string $field = 'X-Gatehouse-Assertion',
        private readonly float $skewSeconds = 5,
        ?\Closure $now = null,
    ) {
        if ($jwksUrl === '' || $issuer === '' || $audience === '' || $keyFile === '') {
            throw new \ValueError('jwksUrl, issuer, audience and keyFile are needed');
        }
        $known = function_exists('sodium_crypto_sign_verify_detached') ? ['ES256', 'RS256', 'EdDSA'] : ['ES256', 'RS256'];
        if (array_diff($algorithms, $known) !== []) {
            throw new \ValueError('algorithms: some of ' . implode(', ', $known));
        }
        $this->now = $now ?? static fn (): float => microtime(true);
        $this->keys = new KeySource($jwksUrl, $keyFile, $this->now);
    }

    public function verify(Request $request): Asserted|Refused
    {
        return verdictOf(fn () => $this->decide($request));
    }

    private function decide(Request $request): Asserted
    {
        $token = (new Fields($request->fields))->single($this->field, 'assertion_repeated');
        check($token !== '', 'assertion_missing');
        $isCompact = preg_match('/\A[A-Za-z0-9_-]++\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]++\z/', $token) === 1;
        check($isCompact && strlen($token) <= LONGEST_ASSERTION, 'assertion_malformed');
        $parts = explode('.', $token);
        [$headerBytes, $claimBytes, $signature] = array_map(bytesOf(...), $parts);
        $header = objectOf($headerBytes);
        check(($header->typ ?? null) === 'gatehouse-assertion+jwt', 'type_wrong');
        $algorithm = $header->alg ?? null;
        check(in_array($algorithm, $this->algorithms, true), 'algorithm_wrong');
        $kid = $header->kid ?? null;
        check(is_string($kid) && !property_exists($header, 'crit'), 'assertion_malformed');
        $key = $this->keys->find($kid, $algorithm);
        check(isSigned($key, $algorithm, "$parts[0].$parts[1]", $signature), 'signature_wrong');
        $claims = objectOf($claimBytes);
        check(($claims->iss ?? null) === $this->issuer, 'issuer_wrong');
        check(($claims->aud ?? null) === $this->audience, 'audience_wrong');
        check(isNumber($claims->iat ?? null) && isNumber($claims->exp ?? null), 'assertion_malformed');
        check($claims->iat <= ($this->now)() + $this->skewSeconds, 'not_yet_valid');
        check(($this->now)() < $claims->exp + $this->skewSeconds, 'expired');
        return identityOf($claims);
    }
}

/** @internal */
function isNumber(mixed $value): bool
{
    return is_int($value) || (is_float($value) && is_finite($value));
}

/** Unpadded base64url with no bit to spare: each value has one text. @internal */
function bytesOf(string $text): string
{
    $bytes = base64_decode(strtr($text, '-_', '+/'), true);
    check(is_string($bytes) && textOf($bytes) === $text, 'assertion_malformed');
    return $bytes;
}

function textOf(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

/** @internal */
function objectOf(string $json): \stdClass
{
    $value = json_decode($json, false, DEEPEST_JSON);
    check($value instanceof \stdClass && hasSoundMembers($json), 'assertion_malformed');
    return $value;
}

/** Of a well-formed text: no object names a member twice, where json_decode takes the last one. @internal */
function hasSoundMembers(string $json): bool
{
    $pattern = '/("(?:[^"\\\\]++|\\\\.)*+")\s*+(:)?|[{}\[\]]/';
    if (preg_match_all($pattern, $json, $tokens, PREG_SET_ORDER) === false) {
        return false;
    }
    $open = [];
    foreach ($tokens as $token) {
        if ($token[0] === '{' || $token[0] === '[') {
            $open[] = [];
        } elseif ($token[0] === '}' || $token[0] === ']') {
            array_pop($open);
        } elseif (isset($token[2])) {
            $name = 'name ' . json_decode($token[1]); // A text of digits would become a number as a key.
            $object = array_key_last($open);
            if (isset($open[$object][$name])) {
                return false;
            }
            $open[$object][$name] = true;
        }
    }
    return true;
}

/** @internal */
function identityOf(\stdClass $claims): Asserted
{
    foreach (['sub', 'tenant', 'client'] as $name) {
        $isText = is_string($claims->$name ?? null) && $claims->$name !== '';
        check($isText || !property_exists($claims, $name), 'assertion_malformed');
    }
    $roles = property_exists($claims, 'roles') ? $claims->roles : [];
    $scope = property_exists($claims, 'scope') ? $claims->scope : '';
    $profile = property_exists($claims, 'profile') ? $claims->profile : new \stdClass();
    $isSound = is_array($roles) && array_filter($roles, is_string(...)) === $roles;
    check($isSound && is_string($scope) && $profile instanceof \stdClass, 'assertion_malformed');
    check(isset($claims->sub), 'anonymous');
    $scopes = array_values(array_filter(explode(' ', $scope), static fn (string $each): bool => $each !== ''));
    return new Asserted($claims->sub, $claims->tenant ?? null, $claims->client ?? null, $roles, $scopes, $profile, $claims->exp);
}

/** `key`: PEM, or 32 bytes for EdDSA. @internal */
function isSigned(string $key, string $algorithm, string $signed, string $signature): bool
{
    if ($algorithm === 'EdDSA') {
        return strlen($signature) === 64 && sodium_crypto_sign_verify_detached($signature, $signed, $key);
    }
    if ($algorithm === 'ES256') {
        if (strlen($signature) !== 64) {
            return false;
        }
        $signature = der(0x30, derNumber(substr($signature, 0, 32)) . derNumber(substr($signature, 32)));
    }
    return openssl_verify($signed, $signature, $key, OPENSSL_ALGO_SHA256) === 1;
}

/** @internal */
function der(int $tag, string $content): string
{
    $length = strlen($content);
    $long = ltrim(pack('N', $length), "\0");
    return chr($tag) . ($length < 0x80 ? chr($length) : chr(0x80 | strlen($long)) . $long) . $content;
}

/** A natural number. @internal */
function derNumber(string $bytes): string
{
    $bytes = ltrim($bytes, "\0");
    return der(0x02, $bytes === '' || ord($bytes[0]) >= 0x80 ? "\0$bytes" : $bytes);
}

/** SubjectPublicKeyInfo. @internal */
function pem(string $algorithm, string $key): string
{
    $info = der(0x30, der(0x30, hex2bin($algorithm)) . der(0x03, "\0$key"));
    return "-----BEGIN PUBLIC KEY-----\n" . chunk_split(base64_encode($info), 64, "\n") . '-----END PUBLIC KEY-----';
}

/** Algorithm and key of a JWK; null for one of another kind. @internal */
function keyOf(\stdClass $jwk): ?array
{
    $kind = ($jwk->kty ?? '') . ' ' . ($jwk->crv ?? '');
    if ($kind === 'EC P-256') {
        // id-ecPublicKey, prime256v1
        $point = "\x04" . str_pad(bytesOf($jwk->x), 32, "\0", STR_PAD_LEFT) . str_pad(bytesOf($jwk->y), 32, "\0", STR_PAD_LEFT);
        $found = ['ES256', pem('06072a8648ce3d020106082a8648ce3d030107', $point)];
    } elseif ($kind === 'RSA ' && strlen(ltrim(bytesOf($jwk->n), "\0")) >= 256) {
        // rsaEncryption
        $found = ['RS256', pem('06092a864886f70d0101010500', der(0x30, derNumber(bytesOf($jwk->n)) . derNumber(bytesOf($jwk->e))))];
    } elseif ($kind === 'OKP Ed25519' && strlen(bytesOf($jwk->x)) === 32) {
        $found = ['EdDSA', bytesOf($jwk->x)];
    } else {
        return null;
    }
    return ($jwk->alg ?? $found[0]) === $found[0] ? $found : null;
}

/**
 * The published keys: kept in a file for their max-age, asked for once more when a kid is unknown, never twice within the
 * cool-down. @internal
 */
final class KeySource
{
    public function __construct(
        private readonly string $url,
        private readonly string $file,
        private readonly \Closure $now,
    ) {
    }

    public function find(string $kid, string $algorithm): string
    {
        $known = $this->read();
        $now = ($this->now)();
        if (($now >= $known['freshUntil'] || !isset($known['keys'][$kid])) && $now >= $known['nextQuestion']) {
            // Written before the question, so that other processes do not ask at the same time.
            $known['nextQuestion'] = $now + COOL_DOWN;
            $this->write($known);
            // What is known stays usable for a while if nobody answers.
            $known = array_merge($known, $this->ask() ?? []);
            $this->write($known);
        }
        check($now < $known['freshUntil'] + ($known['freshUntil'] > 0 ? STALE : 0), 'keys_unavailable');
        [$knownAlgorithm, $key] = $known['keys'][$kid] ?? [null, ''];
        check($knownAlgorithm === $algorithm, 'key_unknown');
        return base64_decode($key);
    }

    private function read(): array
    {
        $nothing = ['url' => $this->url, 'keys' => [], 'freshUntil' => 0, 'nextQuestion' => 0];
        $kept = is_file($this->file) ? json_decode((string) file_get_contents($this->file), true) : null;
        return is_array($kept) && ($kept['url'] ?? null) === $this->url ? $kept : $nothing;
    }

    private function write(array $known): void
    {
        $written = tempnam(dirname($this->file), 'gatehouse');
        if ($written === false || file_put_contents($written, json_encode($known)) === false || !rename($written, $this->file)) {
            throw new \RuntimeException("cannot write $this->file");
        }
    }

    private function ask(): ?array
    {
        try {
            $context = stream_context_create(['http' => ['timeout' => 3, 'follow_location' => 0, 'ignore_errors' => true]]);
            $stream = @fopen($this->url, 'r', false, $context);
            if ($stream === false) {
                return null;
            }
            $lines = stream_get_meta_data($stream)['wrapper_data'];
            $document = json_decode((string) stream_get_contents($stream));
            fclose($stream);
            if (preg_match('#\AHTTP/[\d.]+ 200\b#', $lines[0]) !== 1 || !is_array($document->keys ?? null)) {
                return null;
            }
            $maxAge = preg_match('/^Cache-Control:(?:.*[\s,])?max-age=([0-9]{1,6})/im', implode("\n", $lines), $found) === 1 ? (int) $found[1] : DEFAULT_MAX_AGE;
            $keys = [];
            foreach ($document->keys as $jwk) {
                [$algorithm, $key] = keyOf($jwk) ?? [null, ''];
                if ($algorithm !== null && is_string($jwk->kid ?? null)) {
                    $keys[$jwk->kid] = [$algorithm, base64_encode($key)];
                }
            }
            return ['keys' => $keys, 'freshUntil' => ($this->now)() + max(COOL_DOWN, $maxAge)];
        } catch (Refusal) {
            return null; // A key that cannot be read.
        }
    }
}

/** Verifies Signature (RFC 9421, hmac-sha256): the identity fields belong to this request. */
final class SignatureVerifier
{
    private const OF_THE_REQUEST = ['@method', '@authority', '@path', '@query'];
    private const INPUT = '/\Agatehouse=(\(("[^"]*+"(?: "[^"]*+"){0,99}+)\);created=([0-9]{1,11});expires=([0-9]{1,11});'
        . 'nonce="([A-Za-z0-9_-]{16,64})";keyid="((?:[^"\\\\]|\\\\["\\\\]){0,256}+)";alg="([A-Za-z0-9_-]+)")\z/';
    private readonly \Closure $now;

    /**
     * `keys`: secrets by key id, the next one beside the current one while they rotate. `fields`: those of the upstream's
     * `identity.fields`, and the assertion's if there is one. `useNonce($keyId, $nonce, $expires)`: true the first time;
     * without it a request can be replayed until it expires.
     *
     * @param array<string, string> $keys
     * @param list<string> $fields
     */
    public function __construct(
        private readonly array $keys,
        private readonly array $fields,
        private readonly ?\Closure $useNonce = null,
        private readonly float $skewSeconds = 5,
        ?\Closure $now = null,
    ) {
        if ($keys === [] || min(array_map(strlen(...), $keys)) < 32) {
            throw new \ValueError('keys: at least one secret, each of at least 32 bytes');
        }
        if ($fields === []) {
            throw new \ValueError('fields: the names of the identity fields');
        }
        $this->now = $now ?? static fn (): float => microtime(true);
    }

    /** `body`: its bytes (php://input), if a Content-Digest shall bind it. */
    public function verify(Request $request, ?string $body = null): Signed|Refused
    {
        return verdictOf(fn () => $this->decide($request, $body));
    }

    private function decide(Request $request, ?string $body): Signed
    {
        $fields = new Fields($request->fields);
        $input = $fields->single('Signature-Input', 'signature_repeated');
        $signature = $fields->single('Signature', 'signature_repeated');
        check($input !== '' && $signature !== '', 'signature_missing');
        $isSound = preg_match(self::INPUT, $input, $parsed) === 1 && preg_match('#\Agatehouse=:[A-Za-z0-9+/]++=*+:\z#', $signature) === 1;
        check($isSound, 'signature_malformed');
        [, $parameters, $listed, $created, $expires, $nonce, $quotedId, $algorithm] = $parsed;
        check($algorithm === 'hmac-sha256', 'algorithm_wrong');
        $keyId = preg_replace('/\\\\(.)/', '$1', $quotedId);
        check(isset($this->keys[$keyId]), 'key_unknown');

        $components = array_map(static fn (string $quoted): string => substr($quoted, 1, -1), explode(' ', $listed));
        check(count(array_unique($components, SORT_STRING)) === count($components), 'signature_malformed');
        $base = '';
        foreach ($components as $component) {
            $base .= "\"$component\": " . self::valueOf($component, $request, $fields) . "\n";
        }
        $base .= "\"@signature-params\": $parameters";
        $expected = base64_encode(hash_hmac('sha256', $base, $this->keys[$keyId], true));
        check(hash_equals("gatehouse=:$expected:", $signature), 'signature_wrong');
        check((int) $created < (int) $expires, 'signature_malformed');
        check((int) $created <= ($this->now)() + $this->skewSeconds, 'not_yet_valid');
        check(($this->now)() < (int) $expires + $this->skewSeconds, 'expired');

        $isCovered = static fn (string $name): bool => in_array(strtolower($name), $components, true);
        check(array_filter(self::OF_THE_REQUEST, $isCovered) === self::OF_THE_REQUEST, 'component_missing');
        $digest = $fields->single('Content-Digest', 'field_repeated');
        check($digest === '' || $isCovered('content-digest'), 'component_missing');
        $covered = array_filter($this->fields, $isCovered);
        check($covered !== [], 'anonymous');
        check($covered === $this->fields, 'component_missing');
        $isBound = $digest !== '' && $body !== null;
        check(!$isBound || self::hasDigest($body, $digest), 'body_changed');
        check($this->useNonce === null || ($this->useNonce)($keyId, $nonce, (int) $expires) === true, 'replayed');
        $values = [];
        foreach ($this->fields as $name) {
            $value = $fields->single($name, 'field_repeated');
            $values[$name] = $value === '' ? null : $value;
        }
        return new Signed($values, $isBound);
    }

    /** A covered field that is absent counts as empty: some servers drop empty ones. */
    private static function valueOf(string $component, Request $request, Fields $fields): string
    {
        $isSound = preg_match('#\A/[\x21-\x7e\x80-\xff]*+\z#', $request->target) === 1 && preg_match('/\A[\x21-\x7e]++\z/', $request->method) === 1;
        check($isSound, 'request_malformed');
        [$path, $query] = explode('?', $request->target, 2) + [1 => ''];
        switch ($component) {
            case '@method':
                return $request->method;
            case '@path':
                return $path;
            case '@query':
                return "?$query";
            case '@authority':
                $host = $fields->single('Host', 'field_repeated');
                check($host !== '', 'request_malformed');
                return strtolower($host);
            default:
                check(preg_match("/\\A[a-z0-9!#$%&'*+.^_`|~-]++\\z/", $component) === 1, 'signature_malformed');
                return $fields->single($component, 'field_repeated');
        }
    }

    /** RFC 9530: every digest of an algorithm that is known fits, and there is one. */
    private static function hasDigest(string $body, string $field): bool
    {
        $fits = false;
        foreach (explode(',', $field) as $member) {
            if (preg_match('/\A[\t ]*(sha-256|sha-512)=:([^:]*):[\t ]*\z/', $member, $known) !== 1) {
                continue;
            }
            $digest = base64_encode(hash(str_replace('-', '', $known[1]), $body, true));
            if (!hash_equals($digest, $known[2])) {
                return false;
            }
            $fits = true;
        }
        return $fits;
    }
}

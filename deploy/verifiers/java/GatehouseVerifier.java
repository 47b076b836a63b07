import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.NamedParameterSpec;
import java.security.spec.RSAPublicKeySpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.DoubleSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Verifies what Gatehouse sends to an upstream. Java 17 or later, standard library only; ../README.md says which of the two to use.
 * <pre>
 * var verifier = new GatehouseVerifier.Assertions(gateway + "/.well-known/jwks.json", gateway, "legacy");
 * var verdict = verifier.verify(new GatehouseVerifier.Request(method, target, fields)); // or new Signatures(keys, fields)
 * if (verdict instanceof GatehouseVerifier.Refused refused) { answer(refused.status()); return; } // else: Asserted, Signed
 * </pre>
 * A verifier never throws about a request: what cannot be verified is a {@link Refused}.
 */
public final class GatehouseVerifier {
  private static final int LONGEST_ASSERTION = 16_384;
  private static final int DEEPEST_JSON = 64;
  /** Seconds: between two questions for the keys; of an answer without max-age; past it, while nobody answers. */
  private static final int COOL_DOWN = 10;
  private static final int DEFAULT_MAX_AGE = 300;
  private static final int STALE = 600;

  private GatehouseVerifier() {}

  /**
   * A request as it was received. {@code target}: path and query, not decoded (getRequestURI and getQueryString of a servlet).
   * {@code fields}: all values by name, each line of its own.
   */
  public record Request(String method, String target, Map<String, List<String>> fields) {}

  public sealed interface Verdict permits Refused, Asserted, Signed {}

  /** Why a request has no identity. */
  public record Refused(String code, Throwable cause) implements Verdict {
    /** 503 if the keys cannot be had, else 401. */
    public int status() {
      return code.equals("keys_unavailable") ? 503 : 401;
    }
  }

  /** Who acts, by the assertion. {@code tenant} and {@code client} are null if there is none. */
  public record Asserted(
      String subject,
      String tenant,
      String client,
      List<String> roles,
      List<String> scopes,
      Map<String, Object> profile,
      double expiresAt)
      implements Verdict {}

  /** Who acts, by the signed fields: values by the names that were given, only of those that have one. */
  public record Signed(Map<String, String> fields, boolean bodyBound) implements Verdict {}

  private static final class Refusal extends Exception {
    private static final long serialVersionUID = 1;

    Refusal(String code) {
      super(code);
    }
  }

  private interface Decision {
    Verdict decide() throws Exception;
  }

  private static void check(boolean condition, String code) throws Refusal {
    if (!condition) throw new Refusal(code);
  }

  private static Verdict verdictOf(Decision decision) {
    try {
      return decision.decide();
    } catch (Refusal refusal) {
      return new Refused(refusal.getMessage(), refusal);
    } catch (Exception | StackOverflowError cause) {
      return new Refused("internal", cause);
    }
  }

  /** Values by name; names that some server takes for one (X_Tenant_Id, X-Tenant-Id) are one. */
  private static final class Fields {
    private final Map<String, List<String>> values = new HashMap<>();

    Fields(Map<String, List<String>> received) {
      received.forEach((name, lines) -> values.computeIfAbsent(fold(name), each -> new ArrayList<>()).addAll(lines));
    }

    private static String fold(String name) {
      return name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", "-");
    }

    /** The value of a field that may come once at most; empty if it is absent. */
    String single(String name, String codeIfRepeated) throws Refusal {
      List<String> lines = values.getOrDefault(fold(name), List.of());
      check(lines.size() < 2, codeIfRepeated);
      String value = lines.isEmpty() ? "" : lines.get(0).replaceAll("\\A[\\t ]+|[\\t ]+\\z", "");
      // A line break would make two lines of a signature base out of one.
      check(value.matches("[\\t\\x20-\\x7e\\x80-\\xff]*+"), "request_malformed");
      return value;
    }
  }

  /** Verifies X-Gatehouse-Assertion: who acts, for which tenant. It does not bind the request. */
  public static final class Assertions {
    private static final Pattern COMPACT = Pattern.compile("[A-Za-z0-9_-]++\\.[A-Za-z0-9_-]++\\.[A-Za-z0-9_-]++");
    private final String issuer;
    private final String audience;
    private final Set<String> algorithms;
    private final String field;
    private final double skewSeconds;
    private final DoubleSupplier now;
    private final KeySource keys;

    public Assertions(String jwksUrl, String issuer, String audience) {
      this(jwksUrl, issuer, audience, Set.of("ES256"), "X-Gatehouse-Assertion", 5, GatehouseVerifier::seconds);
    }

    /** {@code algorithms}: what the upstream's assertion.algorithm says. {@code now}: seconds since the epoch. */
    public Assertions(
        String jwksUrl,
        String issuer,
        String audience,
        Set<String> algorithms,
        String field,
        double skewSeconds,
        DoubleSupplier now) {
      if (jwksUrl.isEmpty() || issuer.isEmpty() || audience.isEmpty())
        throw new IllegalArgumentException("jwksUrl, issuer and audience are needed");
      if (!Set.of("ES256", "RS256", "EdDSA").containsAll(algorithms))
        throw new IllegalArgumentException("algorithms: unknown");
      this.issuer = issuer;
      this.audience = audience;
      this.algorithms = Set.copyOf(algorithms);
      this.field = field;
      this.skewSeconds = skewSeconds;
      this.now = now;
      this.keys = new KeySource(URI.create(jwksUrl), now);
    }

    public Verdict verify(Request request) {
      return verdictOf(() -> decide(request));
    }

    private Verdict decide(Request request) throws Exception {
      String token = new Fields(request.fields()).single(field, "assertion_repeated");
      check(!token.isEmpty(), "assertion_missing");
      boolean isCompact = token.length() <= LONGEST_ASSERTION && COMPACT.matcher(token).matches();
      check(isCompact, "assertion_malformed");
      String[] parts = token.split("\\.");
      byte[] claimBytes = bytesOf(parts[1]);
      byte[] signature = bytesOf(parts[2]);
      Map<String, Object> header = Json.object(bytesOf(parts[0]));
      check("gatehouse-assertion+jwt".equals(header.get("typ")), "type_wrong");
      check(header.get("alg") instanceof String named && algorithms.contains(named), "algorithm_wrong");
      check(header.get("kid") instanceof String && !header.containsKey("crit"), "assertion_malformed");
      String algorithm = (String) header.get("alg");
      PublicKey key = keys.find((String) header.get("kid"), algorithm);
      byte[] signed = (parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII);
      check(isSigned(key, algorithm, signed, signature), "signature_wrong");
      Map<String, Object> claims = Json.object(claimBytes);
      check(issuer.equals(claims.get("iss")), "issuer_wrong");
      check(audience.equals(claims.get("aud")), "audience_wrong");
      check(claims.get("iat") instanceof Double && claims.get("exp") instanceof Double, "assertion_malformed");
      check((Double) claims.get("iat") <= now.getAsDouble() + skewSeconds, "not_yet_valid");
      check(now.getAsDouble() < (Double) claims.get("exp") + skewSeconds, "expired");
      return identityOf(claims);
    }

    private static Asserted identityOf(Map<String, Object> claims) throws Refusal {
      for (String name : List.of("sub", "tenant", "client")) {
        boolean isText = claims.get(name) instanceof String text && !text.isEmpty();
        check(isText || !claims.containsKey(name), "assertion_malformed");
      }
      List<String> roles = new ArrayList<>();
      check(claims.getOrDefault("roles", List.of()) instanceof List<?>, "assertion_malformed");
      for (Object role : (List<?>) claims.getOrDefault("roles", List.of())) {
        check(role instanceof String, "assertion_malformed");
        roles.add((String) role);
      }
      check(claims.getOrDefault("scope", "") instanceof String, "assertion_malformed");
      String scope = (String) claims.getOrDefault("scope", "");
      check(claims.getOrDefault("profile", Map.of()) instanceof Map<?, ?>, "assertion_malformed");
      Map<String, Object> profile = new LinkedHashMap<>();
      ((Map<?, ?>) claims.getOrDefault("profile", Map.of())).forEach((name, value) -> profile.put((String) name, value));
      check(claims.containsKey("sub"), "anonymous");
      return new Asserted(
          (String) claims.get("sub"),
          (String) claims.get("tenant"),
          (String) claims.get("client"),
          List.copyOf(roles),
          Arrays.stream(scope.split(" ")).filter(each -> !each.isEmpty()).toList(),
          profile,
          (Double) claims.get("exp"));
    }
  }

  private static double seconds() {
    return System.currentTimeMillis() / 1000.0;
  }

  /** Unpadded base64url with no bit to spare: each value has one text. */
  private static byte[] bytesOf(String text) throws Refusal {
    try {
      byte[] bytes = Base64.getUrlDecoder().decode(text);
      check(Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).equals(text), "assertion_malformed");
      return bytes;
    } catch (IllegalArgumentException cause) {
      throw new Refusal("assertion_malformed");
    }
  }

  private static boolean isSigned(PublicKey key, String algorithm, byte[] signed, byte[] signature)
      throws GeneralSecurityException {
    if (algorithm.equals("ES256")) {
      if (signature.length != 64) return false;
      // Java before 17.0.3 takes zeros for a signature of anything (CVE-2022-21449).
      for (byte[] half : List.of(Arrays.copyOf(signature, 32), Arrays.copyOfRange(signature, 32, 64)))
        if (new BigInteger(1, half).signum() == 0) return false;
    }
    Signature verification =
        Signature.getInstance(
            switch (algorithm) {
              case "ES256" -> "SHA256withECDSAinP1363Format";
              case "RS256" -> "SHA256withRSA";
              default -> "Ed25519";
            });
    verification.initVerify(key);
    verification.update(signed);
    try {
      return verification.verify(signature);
    } catch (SignatureException cause) {
      return false;
    }
  }

  /**
   * The published keys: kept for their max-age, asked for once more when a kid is unknown, never twice within the
   * cool-down.
   */
  private static final class KeySource {
    private record Key(String algorithm, PublicKey key) {}

    private static final Pattern MAX_AGE =
        Pattern.compile("(?:^|[\\s,])max-age=([0-9]{1,6})", Pattern.CASE_INSENSITIVE);
    private final HttpClient http =
        HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NEVER).connectTimeout(Duration.ofSeconds(3)).build();
    private final URI url;
    private final DoubleSupplier now;
    private Map<String, Key> keys = Map.of();
    private double freshUntil;
    private double usableUntil;
    private double nextQuestion;

    KeySource(URI url, DoubleSupplier now) {
      this.url = url;
      this.now = now;
    }

    synchronized PublicKey find(String kid, String algorithm) throws Refusal {
      if (now.getAsDouble() >= freshUntil || !keys.containsKey(kid)) {
        if (now.getAsDouble() >= nextQuestion) {
          nextQuestion = now.getAsDouble() + COOL_DOWN;
          try {
            ask();
          } catch (InterruptedException cause) {
            Thread.currentThread().interrupt();
          } catch (Exception cause) {
            // What is known stays usable for a while; without it the verdict is keys_unavailable.
          }
        }
      }
      check(now.getAsDouble() < usableUntil, "keys_unavailable");
      Key known = keys.get(kid);
      check(known != null && known.algorithm().equals(algorithm), "key_unknown");
      return known.key();
    }

    private void ask() throws Exception {
      HttpRequest question = HttpRequest.newBuilder(url).timeout(Duration.ofSeconds(3)).build();
      HttpResponse<byte[]> answer = http.send(question, HttpResponse.BodyHandlers.ofByteArray());
      if (answer.statusCode() != 200) throw new IOException("the key set: status " + answer.statusCode());
      Map<String, Key> found = new HashMap<>();
      for (Object each : (List<?>) Json.object(answer.body()).get("keys")) {
        Map<?, ?> jwk = (Map<?, ?>) each;
        Key key = keyOf(jwk);
        if (key == null || !(jwk.get("kid") instanceof String kid)) continue;
        if (jwk.get("alg") == null || key.algorithm().equals(jwk.get("alg"))) found.put(kid, key);
      }
      Matcher maxAge = MAX_AGE.matcher(answer.headers().firstValue("Cache-Control").orElse(""));
      keys = found;
      freshUntil =
          now.getAsDouble() + Math.max(COOL_DOWN, maxAge.find() ? Integer.parseInt(maxAge.group(1)) : DEFAULT_MAX_AGE);
      usableUntil = freshUntil + STALE;
    }

    /** Null for a key of another kind. */
    private static Key keyOf(Map<?, ?> jwk) throws Exception {
      Object curve = jwk.get("crv");
      if ("EC".equals(jwk.get("kty")) && "P-256".equals(curve)) {
        AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
        parameters.init(new ECGenParameterSpec("secp256r1"));
        ECPoint point = new ECPoint(number(jwk, "x"), number(jwk, "y"));
        ECParameterSpec specification = parameters.getParameterSpec(ECParameterSpec.class);
        return new Key("ES256", KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(point, specification)));
      }
      if ("RSA".equals(jwk.get("kty")) && number(jwk, "n").bitLength() >= 2048) {
        RSAPublicKeySpec specification = new RSAPublicKeySpec(number(jwk, "n"), number(jwk, "e"));
        return new Key("RS256", KeyFactory.getInstance("RSA").generatePublic(specification));
      }
      if ("OKP".equals(jwk.get("kty")) && "Ed25519".equals(curve)) {
        // RFC 8032: little-endian, the highest bit is the sign of x.
        byte[] bytes = bytesOf((String) jwk.get("x"));
        for (int index = 0; index < bytes.length / 2; index++) {
          byte other = bytes[index];
          bytes[index] = bytes[bytes.length - 1 - index];
          bytes[bytes.length - 1 - index] = other;
        }
        boolean isOdd = (bytes[0] & 0x80) != 0;
        bytes[0] &= 0x7f;
        EdECPoint point = new EdECPoint(isOdd, new BigInteger(1, bytes));
        EdECPublicKeySpec specification = new EdECPublicKeySpec(NamedParameterSpec.ED25519, point);
        return new Key("EdDSA", KeyFactory.getInstance("Ed25519").generatePublic(specification));
      }
      return null;
    }

    private static BigInteger number(Map<?, ?> jwk, String name) throws Refusal {
      return new BigInteger(1, bytesOf((String) jwk.get(name)));
    }
  }

  /** Says whether a nonce is used for the first time. */
  public interface Nonces {
    boolean use(String keyId, String nonce, long expires) throws Exception;
  }

  /** Verifies Signature (RFC 9421, hmac-sha256): the identity fields belong to this request. */
  public static final class Signatures {
    private static final List<String> OF_THE_REQUEST = List.of("@method", "@authority", "@path", "@query");
    private static final Pattern INPUT =
        Pattern.compile(
            "gatehouse=(\\((\"[^\"]*+\"(?: \"[^\"]*+\"){0,99}+)\\);created=([0-9]{1,11});expires=([0-9]{1,11});"
                + "nonce=\"([A-Za-z0-9_-]{16,64})\";keyid=\"((?:[^\"\\\\]|\\\\[\"\\\\]){0,256}+)\";alg=\"([A-Za-z0-9_-]+)\")");
    private static final Pattern DIGEST = Pattern.compile("[\\t ]*(sha-256|sha-512)=:([^:]*):[\\t ]*");
    private final Map<String, byte[]> secrets = new HashMap<>();
    private final List<String> names;
    private final Nonces nonces;
    private final double skewSeconds;
    private final DoubleSupplier now;

    public Signatures(Map<String, String> keys, List<String> fields) {
      this(keys, fields, null, 5, GatehouseVerifier::seconds);
    }

    /**
     * {@code keys}: secrets by key id, the next one beside the current one while they rotate. {@code fields}: those of the
     * upstream's identity.fields, and the assertion's if there is one. {@code nonces}: may be null; then a request can be replayed
     * until it expires.
     */
    public Signatures(
        Map<String, String> keys, List<String> fields, Nonces nonces, double skewSeconds, DoubleSupplier now) {
      keys.forEach((id, secret) -> secrets.put(id, secret.getBytes(StandardCharsets.UTF_8)));
      if (secrets.isEmpty() || secrets.values().stream().anyMatch(secret -> secret.length < 32))
        throw new IllegalArgumentException("keys: at least one secret, each of at least 32 bytes");
      if (fields.isEmpty()) throw new IllegalArgumentException("fields: the names of the identity fields");
      this.names = List.copyOf(fields);
      this.nonces = nonces;
      this.skewSeconds = skewSeconds;
      this.now = now;
    }

    /** {@code body}: its bytes, if a Content-Digest shall bind it, else null. */
    public Verdict verify(Request request, byte[] body) {
      return verdictOf(() -> decide(request, body));
    }

    private Verdict decide(Request request, byte[] body) throws Exception {
      Fields fields = new Fields(request.fields());
      String input = fields.single("Signature-Input", "signature_repeated");
      String signature = fields.single("Signature", "signature_repeated");
      check(!input.isEmpty() && !signature.isEmpty(), "signature_missing");
      Matcher parsed = INPUT.matcher(input);
      boolean isSound = parsed.matches() && signature.matches("gatehouse=:[A-Za-z0-9+/]++=*+:");
      check(isSound, "signature_malformed");
      check(parsed.group(7).equals("hmac-sha256"), "algorithm_wrong");
      String keyId = parsed.group(6).replaceAll("\\\\(.)", "$1");
      check(secrets.containsKey(keyId), "key_unknown");

      List<String> components = new ArrayList<>();
      StringBuilder base = new StringBuilder();
      for (String quoted : parsed.group(2).split(" ")) {
        String component = quoted.substring(1, Math.max(1, quoted.length() - 1));
        check(!components.contains(component), "signature_malformed");
        components.add(component);
        base.append('"').append(component).append("\": ").append(valueOf(component, request, fields)).append('\n');
      }
      base.append("\"@signature-params\": ").append(parsed.group(1));
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(secrets.get(keyId), "HmacSHA256"));
      byte[] expected = mac.doFinal(base.toString().getBytes(StandardCharsets.ISO_8859_1));
      check(isEqual("gatehouse=:" + Base64.getEncoder().encodeToString(expected) + ":", signature), "signature_wrong");
      long created = Long.parseLong(parsed.group(3));
      long expires = Long.parseLong(parsed.group(4));
      check(created < expires, "signature_malformed");
      check(created <= now.getAsDouble() + skewSeconds, "not_yet_valid");
      check(now.getAsDouble() < expires + skewSeconds, "expired");

      check(components.containsAll(OF_THE_REQUEST), "component_missing");
      String digest = fields.single("Content-Digest", "field_repeated");
      check(digest.isEmpty() || components.contains("content-digest"), "component_missing");
      long covered = names.stream().filter(name -> components.contains(name.toLowerCase(Locale.ROOT))).count();
      check(covered > 0, "anonymous");
      check(covered == names.size(), "component_missing");
      boolean bodyBound = !digest.isEmpty() && body != null;
      check(!bodyBound || hasDigest(body, digest), "body_changed");
      check(nonces == null || nonces.use(keyId, parsed.group(5), expires), "replayed");
      Map<String, String> values = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
      for (String name : names) {
        String value = fields.single(name, "field_repeated");
        if (!value.isEmpty()) values.put(name, value);
      }
      return new Signed(values, bodyBound);
    }

    /** A covered field that is absent counts as empty: some servers drop empty ones. */
    private static String valueOf(String component, Request request, Fields fields) throws Refusal {
      boolean isSound = request.target().matches("/[\\x21-\\x7e\\x80-\\xff]*+") && request.method().matches("[\\x21-\\x7e]++");
      check(isSound, "request_malformed");
      int query = request.target().indexOf('?');
      switch (component) {
        case "@method":
          return request.method();
        case "@path":
          return query < 0 ? request.target() : request.target().substring(0, query);
        case "@query":
          return query < 0 ? "?" : request.target().substring(query);
        case "@authority":
          String host = fields.single("Host", "field_repeated");
          check(!host.isEmpty(), "request_malformed");
          return host.toLowerCase(Locale.ROOT);
        default:
          check(component.matches("[a-z0-9!#$%&'*+.^_`|~-]++"), "signature_malformed");
          return fields.single(component, "field_repeated");
      }
    }

    /** RFC 9530: every digest of an algorithm that is known fits, and there is one. */
    private static boolean hasDigest(byte[] body, String field) throws GeneralSecurityException {
      boolean fits = false;
      for (String member : field.split(",")) {
        Matcher known = DIGEST.matcher(member);
        if (!known.matches()) continue;
        byte[] digest = MessageDigest.getInstance(known.group(1).toUpperCase(Locale.ROOT)).digest(body);
        if (!isEqual(Base64.getEncoder().encodeToString(digest), known.group(2))) return false;
        fits = true;
      }
      return fits;
    }

    private static boolean isEqual(String one, String other) {
      return MessageDigest.isEqual(
          one.getBytes(StandardCharsets.ISO_8859_1), other.getBytes(StandardCharsets.ISO_8859_1));
    }
  }

  /** As much of JSON (RFC 8259) as is needed: Map, List, String, Double, Boolean, null. No member comes twice. */
  static final class Json {
    private static final Pattern NUMBER = Pattern.compile("-?(?:0|[1-9][0-9]*+)(?:\\.[0-9]++)?(?:[eE][+-]?[0-9]++)?");
    private final String text;
    private int at;

    private Json(String text) {
      this.text = text;
    }

    static Map<String, Object> object(byte[] bytes) throws Refusal {
      try {
        Json json = new Json(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        json.space();
        Map<String, Object> object = json.members(1);
        check(json.at == json.text.length(), "assertion_malformed");
        return object;
      } catch (CharacterCodingException | IndexOutOfBoundsException | NumberFormatException cause) {
        throw new Refusal("assertion_malformed");
      }
    }

    private char next() {
      return text.charAt(at);
    }

    private void space() {
      while (at < text.length() && " \t\r\n".indexOf(next()) >= 0) at++;
    }

    private void expect(String wanted) throws Refusal {
      check(text.startsWith(wanted, at), "assertion_malformed");
      at += wanted.length();
      space();
    }

    private Object value(int depth) throws Refusal {
      check(depth <= DEEPEST_JSON, "assertion_malformed");
      switch (next()) {
        case '{':
          return members(depth);
        case '[':
          return items(depth);
        case '"':
          return string();
        case 't':
          expect("true");
          return true;
        case 'f':
          expect("false");
          return false;
        case 'n':
          expect("null");
          return null;
        default:
          return number();
      }
    }

    private Map<String, Object> members(int depth) throws Refusal {
      Map<String, Object> members = new LinkedHashMap<>();
      expect("{");
      while (next() != '}') {
        if (!members.isEmpty()) expect(",");
        check(next() == '"', "assertion_malformed");
        String name = string();
        expect(":");
        check(!members.containsKey(name), "assertion_malformed");
        members.put(name, value(depth + 1));
      }
      expect("}");
      return members;
    }

    private List<Object> items(int depth) throws Refusal {
      List<Object> items = new ArrayList<>();
      expect("[");
      while (next() != ']') {
        if (!items.isEmpty()) expect(",");
        items.add(value(depth + 1));
      }
      expect("]");
      return items;
    }

    private Double number() throws Refusal {
      Matcher number = NUMBER.matcher(text).region(at, text.length());
      check(number.lookingAt(), "assertion_malformed");
      at = number.end();
      space();
      double value = Double.parseDouble(number.group());
      check(!Double.isInfinite(value), "assertion_malformed");
      return value;
    }

    private String string() throws Refusal {
      StringBuilder string = new StringBuilder();
      for (at++; next() != '"'; at++) {
        check(next() >= 0x20, "assertion_malformed");
        if (next() != '\\') {
          string.append(next());
          continue;
        }
        at++;
        if (next() == 'u') {
          String digits = text.substring(at + 1, at + 5);
          check(digits.matches("[0-9A-Fa-f]{4}"), "assertion_malformed");
          string.append((char) Integer.parseInt(digits, 16));
          at += 4;
        } else {
          int escape = "\"\\/bfnrt".indexOf(next());
          check(escape >= 0, "assertion_malformed");
          string.append("\"\\/\b\f\n\r\t".charAt(escape));
        }
      }
      at++;
      space();
      return string.toString();
    }
  }
}

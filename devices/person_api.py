"""The API's people, the users of devices: finding, adding and editing them."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.response import Response

from commands.serializers import StrictSerializer
from devices.models import Person
from devices.serializers import PersonSerializer
from devices.services import save_person
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView

VIEW = "devices.view_person"


class NewPersonSerializer(StrictSerializer):
    name = serializers.CharField(max_length=200)
    email = serializers.CharField(required=False, allow_blank=True, max_length=254)
    department = serializers.CharField(required=False, allow_blank=True, max_length=200)
    site = serializers.CharField(required=False, allow_blank=True, max_length=200)


class PersonView(ApiView):
    queryset = Person.objects.all()
    serializer_class = PersonSerializer

    def get_queryset(self):
        return Person.objects.visible_to(self.request.user)

    def write(self, person: Person, form: serializers.Serializer) -> dict:
        form.is_valid(raise_exception=True)
        for name, value in form.validated_data.items():
            setattr(person, name, value)
        save_person(person, actor=actor_of(self.request))
        return self.get_serializer(person).data


class PersonList(PersonView, ListAPIView):
    access = {"GET": reading(VIEW), "POST": Access(Scope.WRITE, (VIEW, "devices.add_person"))}
    filterset_fields = ["email", "department", "site"]
    search_fields = ["name", "email", "department", "site"]
    ordering_fields = ["id", "name", "email"]
    ordering = ["name", "id"]

    @extend_schema(summary="List people")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(summary="Add a person", request=NewPersonSerializer, responses={201: PersonSerializer})
    def post(self, request, *args, **kwargs):
        return Response(self.write(Person(), NewPersonSerializer(data=request.data)), status=201)


class PersonDetail(PersonView, RetrieveAPIView):
    access = {"GET": reading(VIEW), "PATCH": Access(Scope.WRITE, (VIEW, "devices.change_person"))}

    @extend_schema(summary="Show a person")
    def get(self, request, *args, **kwargs):
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(summary="Edit a person", request=NewPersonSerializer(partial=True), responses=PersonSerializer)
    def patch(self, request, pk):
        person = get_object_or_404(self.get_queryset(), pk=pk)
        return Response(self.write(person, NewPersonSerializer(data=request.data, partial=True)))
